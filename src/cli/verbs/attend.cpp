#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "attention/analog.h"
#include "audit/spice_level.h"
#include "base/error.h"
#include "base/files.h"
#include "base/installation.h"
#include "base/json.h"
#include "base/process.h"
#include "base/sha256.h"
#include "base/store/formats.h"
#include "base/store/writer.h"
#include "base/units.h"
#include "base/version.h"
#include "characterize/results/cache.h"
#include "cli/attend_input.h"
#include "cli/commands.h"
#include "cli/energy_notes.h"
#include "cli/model_run.h"
#include "cli/progress_bar.h"
#include "cli/say.h"
#include "energy/energy_model.h"
#include "lut/published.h"

namespace gaincell::cli {
namespace {

constexpr int kPublishedLayers = 12;
constexpr std::size_t kLargestMatrix = std::size_t{1} << 31;

struct AttendOptions {
  std::string device, level;
  std::vector<std::string> published_variant;
  AttendInputOptions input;
  std::filesystem::path output;
  std::vector<std::string> without, spread;
  std::uint64_t seed = 1, noise_seed = 1;
  double error_limit = 2e-3;
  std::vector<std::string> datasets{"S", "phi", "output"};
  std::optional<double> decay, token_period_s;
  int window = 1024;
  bool no_quantise = false;
  // The spice level.
  std::filesystem::path benches;  // empty = those that come with gaincell
  unsigned jobs = 0;
  std::string cache = characterize::default_cache_folder();
  WasGiven was_given;

  bool wants(const char* name) const {
    return std::find(datasets.begin(), datasets.end(), name) != datasets.end();
  }
  bool simulated() const { return level == "spice"; }  // once the level is chosen
};

using Sizes = AttendSizes;
using Input = AttendInput;

// What one run gives, in the order of the file.
struct Result {
  std::vector<float> score_a, phi, output;
  energy::Activity activity;
};

class Runner {
 public:
  Runner(const Input& in, const AttendOptions& o, const attention::Circuit& circuit,
         attention::Analog& engine)
      : in_(in), window_(o.window), circuit_(circuit), engine_(engine) {
    if (o.wants("S")) result_.score_a.assign(in.sizes.matrices(), 0.0f);
    if (o.wants("phi")) result_.phi.assign(in.sizes.matrices(), 0.0f);
    result_.output.resize(in.sizes.vectors());
    if (o.wants("S") || o.wants("phi"))
      engine.observe([](std::int64_t, int) { return true; },
                     [this](const attention::StepTrace& trace) { keep(trace); });
  }

  Result run() {
    const Sizes& n = in_.sizes;
    const std::size_t step = n.head * n.dim;
    std::vector<float> out(step);
    ProgressBar bar("attend");
    for (batch_ = 0; batch_ < n.batch; ++batch_) {
      engine_.reset();
      for (std::size_t t = 0; t < n.time; ++t) {
        const std::size_t at = (batch_ * n.time + t) * step;
        engine_.run(1, in_.q.data() + at, in_.k.data() + at, in_.v.data() + at, out.data());
        for (std::size_t h = 0; h < n.head; ++h)
          std::copy_n(out.data() + h * n.dim, n.dim, result_.output.data() + row(h, t) * n.dim);
        bar.show(static_cast<double>(batch_ * n.time + t + 1) /
                 static_cast<double>(n.batch * n.time));
      }
      result_.activity += engine_.activity();
    }
    return std::move(result_);
  }

 private:
  std::size_t row(std::size_t head, std::size_t token) const {
    return (batch_ * in_.sizes.head + head) * in_.sizes.time + token;
  }

  // Slot s holds the youngest token t' with t' mod window = s.
  void keep(const attention::StepTrace& trace) {
    const std::size_t at =
        row(static_cast<std::size_t>(trace.head), static_cast<std::size_t>(trace.token)) *
        in_.sizes.time;
    const std::int64_t oldest = std::max<std::int64_t>(0, trace.token - window_ + 1);
    for (std::int64_t token = oldest; token <= trace.token; ++token) {
      const std::size_t slot = static_cast<std::size_t>(token % window_);
      if (!result_.score_a.empty())
        result_.score_a[at + token] =
            static_cast<float>(trace.first_charge_c[slot] / circuit_.t_max_s);
      if (!result_.phi.empty())
        result_.phi[at + token] =
            static_cast<float>(trace.phi_s[slot] / circuit_.relu.full_scale_s);
    }
  }

  const Input& in_;
  std::int64_t window_;
  const attention::Circuit& circuit_;
  attention::Analog& engine_;
  std::size_t batch_ = 0;
  Result result_;
};

double token_period_s(const AttendOptions& o, const DeviceFacts& facts) {
  if (o.decay && o.token_period_s)
    throw Error(
        {.place = "--decay", .rule = "--token-period says the same", .remedy = "give one of them"});
  const lut::Constant* tau = facts.device->file().find_constant("retention_tau");
  if (o.decay && tau == nullptr)
    throw Error({.place = "--decay",
                 .rule = "this device's cells do not decay with one time constant",
                 .remedy = "give --token-period in seconds"});
  for (const auto& value : {o.decay, o.token_period_s})
    if (value && !(*value >= 0 && std::isfinite(*value)))
      throw Error({.key = o.decay ? "--decay" : "--token-period",
                   .value = fmt::format("{}", *value),
                   .rule = "must be 0 or more"});
  if (o.token_period_s)
    return token_period(o.token_period_s, 0, facts.latency_s_per_token(1),
                        "a token's attention in a layer");
  if (o.decay || o.device == "published")
    return o.decay.value_or(lut::kPublished.decay_per_token) * tau->value;
  return facts.latency_s_per_token(kPublishedLayers);
}

// What the spice level simulates: each token's columns of the first array, and the second's of
// every sub-tile with a token in it.
std::size_t columns_of(const Sizes& n, const AttendOptions& o, std::size_t tile) {
  std::size_t columns = 0;
  for (std::size_t t = 0; t < n.time; ++t) {
    const std::size_t filled = std::min(t + 1, static_cast<std::size_t>(o.window));
    columns += filled + (filled + tile - 1) / tile * n.dim;
  }
  return n.batch * n.head * columns;
}

std::shared_ptr<audit::SpiceColumns> spice_columns(const AttendOptions& o,
                                                   const lut::GainCellDevice& device) {
  if (o.device == "published")
    throw Error({.key = "--level",
                 .value = "spice",
                 .rule = "the published device is equations and has no transistors",
                 .remedy = "choose the column level, or a device of `gaincell compile`"});
  characterize::SimulateOptions replay;
  replay.pool.worker = characterize::worker_program();
  replay.pool.workers = o.jobs > 0 ? o.jobs : std::max(1u, std::thread::hardware_concurrency());
  replay.cache = o.cache;
  return std::make_shared<audit::SpiceColumns>(o.benches, device, replay);
}

void write(const AttendOptions& o, const Input& in, const Result& result,
           const energy::Energy& energy, const nlohmann::ordered_json& settings,
           const RangeNotes& ranges, const audit::SpiceColumns* spice) {
  store::Writer writer(o.output);
  store::Group root = writer.root();
  store::write_format(root, store::kAttendFormat);
  root.attribute(store::kProgramVersion, kVersion);
  root.attribute("settings", json_text(settings));
  root.attribute("ranges", json_text(ranges.to_json()));
  root.dimension("batch", in.sizes.batch);
  root.dimension("head", in.sizes.head);
  root.dimension("time", in.sizes.time);
  root.dimension("key_time", in.sizes.time);
  root.dimension("dim", in.sizes.dim);
  const std::vector<std::string> matrix{"batch", "head", "time", "key_time"};
  if (o.wants("S"))
    root.dataset("S", matrix, result.score_a)
        .attribute("units", "A")
        .attribute(
            "long_name",
            "charge of the first array's column over the longest pulse; 0 outside the window")
        .attribute("comment", o.level == "fast"
                                  ? "fast level: an approximation of several per cent where the "
                                    "first converter gives no pulse or a full one"
                                  : "of the column's own integration");
  if (o.wants("phi"))
    root.dataset("phi", matrix, result.phi)
        .attribute("units", "1")
        .attribute("long_name", "pulse of the first converter over its full scale");
  if (o.wants("output"))
    root.dataset("output", {"batch", "head", "time", "dim"}, result.output)
        .attribute("units", "1")
        .attribute("long_name", "a_o x (sum of the sub-tiles' counts) + b_o");
  store::Group joules = root.group("energy");
  joules.attribute("comment", std::isfinite(energy.total_j())
                                  ? "of all steps together"
                                  : "of all steps together; NaN: the device has no such energy");
  joules.scalar("total", energy.total_j()).attribute("units", "J");
  for (const energy::Kind kind :
       {energy::Kind::kActive, energy::Kind::kStanding, energy::Kind::kDigital})
    joules.scalar(std::string(name(kind)), energy.kind_j(kind)).attribute("units", "J");
  joules.scalar("circuits", energy.circuits_j())
      .attribute("units", "J")
      .attribute("long_name", "active and standing: no constant of a publication");
  for (const auto& part : energy.parts)
    joules.scalar(part.name, part.energy_j()).attribute("units", "J");
  if (spice != nullptr) {
    store::Group supplies = root.group("supply_energy");
    supplies.attribute("comment",
                       "what the supplies of the simulated cells and converters delivered; without "
                       "word lines, clock drivers and reference");
    const audit::SupplyEnergy& e = spice->energy();
    for (const auto& [name, value] : {std::pair{"first_cells", e.first_cells_j},
                                      {"first_converters", e.first_converters_j},
                                      {"second_cells", e.second_cells_j},
                                      {"second_converters", e.second_converters_j}})
      supplies.scalar(name, value).attribute("units", "J");
  }
  writer.commit();
}

std::string brief_energy(const energy::Energy& energy, double steps, double token_period_s) {
  std::string text;
  for (const energy::Kind kind :
       {energy::Kind::kActive, energy::Kind::kStanding, energy::Kind::kDigital}) {
    const double joules = energy.kind_j(kind) / steps;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ",
                        std::isfinite(joules) ? format_si(joules, "J") : "no known energy",
                        kind == energy::Kind::kDigital ? "digital (published)" : name(kind));
  }
  return fmt::format("{} a token and head, at a token period of {}", text,
                     format_si(token_period_s, "s"));
}

void check(const AttendOptions& o) {
  if (!o.level.empty() && o.level != "fast" && o.level != "column" && o.level != "spice")
    throw Error({.key = "--level", .value = o.level, .rule = "must be fast, column or spice"});
  for (const std::string& name : o.datasets)
    if (name != "S" && name != "phi" && name != "output")
      throw Error({.key = "--datasets", .value = name, .rule = "there are S, phi and output"});
  if (o.window < 1 || o.window > 65536)
    throw Error({.key = "--window",
                 .value = std::to_string(o.window),
                 .rule = "must be from 1 to 65,536 tokens"});
}

Input read_input(const AttendOptions& o, const lut::GainCellDevice& device) {
  Input in = read_attend_input(o.input, device.v_zero);
  require_output(o.output);
  for (const std::string& line : in.notes) note("{}\n", line);
  if ((o.wants("S") || o.wants("phi")) && in.sizes.matrices() > kLargestMatrix)
    throw Error({.place = o.input.file,
                 .key = "time",
                 .value = std::to_string(in.sizes.time),
                 .rule = fmt::format("S and phi would have {} numbers each", in.sizes.matrices()),
                 .remedy = "give --datasets output"});
  return in;
}

// The level and effects that were asked for, or follow from the device; what has no meaning there
// is refused.
attention::AnalogOptions choose_engine(AttendOptions& o, const DeviceFacts& facts,
                                       const attention::Circuit& circuit) {
  if (o.no_quantise)
    o.without.insert(o.without.end(), {"input_quantiser", "storage_quantiser", "counter"});
  // The plain sums of a still bitline are quick in double precision, and the fast level has no
  // unquantised cells.
  if (o.level.empty()) o.level = o.no_quantise || !circuit.relu.bitline_moves ? "column" : "fast";
  const bool simulated = o.simulated();
  if (!simulated)
    refuse_idle(o.was_given, {"--benches", "--jobs", "--cache"},
                fmt::format("level {} simulates nothing", o.level),
                "drop it, or give --level spice");
  attention::AnalogOptions options =
      analog_options(simulated ? "column" : o.level, o.without, token_period_s(o, facts));
  set_error_limit(o.error_limit, options);
  // Transistors are all alike, and refused with a spread that is asked for.
  if (!simulated || !o.spread.empty()) options.spread = parse_spread(o.spread, *facts.device);
  refuse_idle_engine_options(o.was_given, options.spread, o.level);
  options.seed = o.seed;
  options.noise_seed = o.noise_seed;
  if (simulated && o.benches.empty()) o.benches = data_path("netlists/column");
  return options;
}

void say_columns(const Sizes& sizes, const AttendOptions& o, const attention::Circuit& circuit) {
  constexpr double kColumnS = 0.8;  // of 64 rows, of one core's time
  const auto n = columns_of(sizes, o, static_cast<std::size_t>(circuit.tile));
  tell(fmt::format("{} columns, transistor by transistor: some {:.0f} s of processor time\n", n,
                   std::ceil(kColumnS * static_cast<double>(n))));
}

// What a result was made with.
nlohmann::ordered_json settings_of(const AttendOptions& o, const DeviceFacts& facts,
                                   const Input& in, const attention::AnalogOptions& options,
                                   const attention::Analog& engine) {
  nlohmann::ordered_json settings{{"device", o.device},
                                  {"device_sha256", facts.sha256},
                                  {"input", o.input.file},
                                  {"input_sha256", sha256_of_file(o.input.file)},
                                  {"level", o.level},
                                  {"window", o.window},
                                  {"token_period_s", options.token_period_s},
                                  {"effects", effect_names(options.effects)},
                                  {"spread", to_json(options.spread)},
                                  {"spread_seed", o.seed},
                                  {"noise_seed", o.noise_seed}};
  if (facts.variant) settings["published_variant"] = to_json(*facts.variant);
  if (const auto current = published_current_note(*facts.device))
    settings["published_current"] = *current;
  if (const attention::FastReport* report = engine.fast_report())
    settings["fast_level"] = to_json(*report, options.error_limit);
  settings["energy_not_counted"] = not_counted_json();
  settings["keys_from"] = in.keys_from;
  settings["values_from"] = in.values_from;
  if (!in.notes.empty()) settings["input_read_as"] = in.notes;
  settings["scalers"] = {{"b_k", in.scalers.b_k}, {"b_v", in.scalers.b_v}};
  if (o.simulated()) settings["benches"] = o.benches.string();
  return settings;
}

int attend(AttendOptions& o) {
  check(o);
  const DeviceFacts facts = read_device(o.device, o.published_variant);
  const Input in = read_input(o, *facts.device);
  const attention::Circuit circuit = attention::circuit_of(*facts.device);
  const attention::AnalogOptions options = choose_engine(o, facts, circuit);
  const double known_age_s = attention::with_effects(circuit, options.effects).known_age_s;
  require_known_ages(circuit, options, static_cast<std::int64_t>(in.sizes.time), o.window);

  const attention::Shape shape{static_cast<int>(in.sizes.head), static_cast<int>(in.sizes.dim),
                               o.window};
  const auto spice = o.simulated() ? spice_columns(o, *facts.device) : nullptr;
  const auto engine =
      spice ? audit::make_spice_level(shape, *facts.device, in.scalers, options, spice)
            : attention::make_analog(shape, circuit, in.scalers, options);
  if (spice) say_columns(in.sizes, o, circuit);
  const Result result = Runner(in, o, circuit, *engine).run();

  const energy::EnergyModel model(*facts.device);
  const energy::Energy energy = model.of(result.activity, options.token_period_s);
  const nlohmann::ordered_json settings = settings_of(o, facts, in, options, *engine);
  const RangeNotes ranges{{engine->ranges()}, known_age_s, circuit_warnings(circuit)};
  write(o, in, result, energy, settings, ranges, spice.get());
  ranges.say();
  warn_of_period(model, options.token_period_s);
  const double steps = static_cast<double>(in.sizes.batch * in.sizes.head * in.sizes.time);
  say("{} tokens, {} heads of {}, window {}, level {}: {}\n", in.sizes.batch * in.sizes.time,
      in.sizes.head, in.sizes.dim, o.window, o.level,
      brief_energy(energy, steps, options.token_period_s));
  say("k counts from {}, v from {}\n", in.keys_from, in.values_from);
  if (const auto current = published_current_note(*facts.device)) say("current: {}\n", *current);
  if (settings.contains("fast_level"))
    say("fast level: {}\n", brief_fast_level(settings["fast_level"]));
  say("wrote {}\n", o.output.string());
  return 0;
}

}  // namespace

Run cmd_attend(Arguments& app) {
  auto o = std::make_shared<AttendOptions>();
  o->was_given = [&app](const char* option) { return app.was_given(option); };
  app.add_option("--device", o->device, "device tables, or `published`").required();
  declare_published_variant(app, o->published_variant);
  app.add_option("--input", o->input.file,
                 "HDF5 with q, k and v, each [batch, head, time, dim]; scalers a_q, b_q, a_k, b_k, "
                 "a_v, b_v, a_o, b_o [head] if there are any")
      .required();
  app.add_option("--output", o->output, "HDF5 to write: S, phi, output, energy").required();
  app.add_option("--order", o->input.order,
                 "which dimensions of q, k and v are which, where the file does not name them: "
                 "batch,head,time,dim in its order (MATLAB's and Octave's own order for their "
                 "files); batch and head may be left out")
      .delimiter(',');
  app.add_option("--keys-from", o->input.keys_from,
                 "what k counts from: ground (0 V, the default) or middle (the cells' zero)");
  app.add_option("--values-from", o->input.values_from, "the same of v");
  app.add_option("--window", o->window, "tokens attended to");
  app.add_option("--level", o->level,
                 "fast, column, or spice: transistor by transistor, about 0.8 s of a core for a "
                 "column (default: column where the bitline stands still or nothing is quantised, "
                 "else fast)");
  app.add_flag("--no-quantise", o->no_quantise, "q, k, v and the output of any value");
  app.add_option("--without", o->without, "switch effects of the circuits off, by name")
      .delimiter(',');
  app.add_option("--spread", o->spread, "mismatch and read noise, as in `gaincell infer`")
      .delimiter(',');
  declare_seeds(app, o->seed, o->noise_seed);
  declare_error_limit(app, o->error_limit);
  app.add_option("--decay", o->decay,
                 fmt::format("share of its deviation from zero that a cell loses from one token to "
                             "the next (published device: {})",
                             lut::kPublished.decay_per_token));
  declare_token_period(app, o->token_period_s, "12 layers' own time");
  app.add_option("--datasets", o->datasets, "what to write (default: S,phi,output)").delimiter(',');
  app.add_option("--benches", o->benches,
                 "level spice: folder with column_relu.yaml and column_signed.yaml of the device's "
                 "cell (default: the netlists/column that gaincell comes with)");
  app.add_option("-j,--jobs", o->jobs, "level spice: simulators at a time; 0 = as many as cores");
  app.add_option("--cache", o->cache, "level spice: folder with results of earlier simulations");
  app.footer(
      "Without scalers, q is the share of the longest pulse (0 to 1), k and v are the cells' "
      "voltages.\nAn attribute `counts_from` of k or v, ground or middle, says the same as "
      "--keys-from, --values-from.");
  return [o] { return attend(*o); };
}

}  // namespace gaincell::cli
