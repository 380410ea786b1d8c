#include "audit/audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <thread>

#include "attention/analog.h"
#include "audit/random_inputs.h"
#include "audit/recorder.h"
#include "base/error.h"
#include "base/files.h"
#include "base/installation.h"
#include "base/json.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "characterize/results/cache.h"
#include "characterize/results/shard.h"
#include "cli/commands.h"
#include "cli/model_run.h"
#include "cli/progress_bar.h"
#include "cli/say.h"
#include "cli/text_input.h"

namespace gaincell::cli {
namespace {

struct AuditOptions {
  ModelRunOptions run;
  TextInput text;
  bool random = false;
  std::optional<int> window;
  int tokens = 1200;
  audit::DrawOptions draw;
  std::optional<int> columns, tiles;
  bool array = false;
  std::filesystem::path benches;  // empty = those that come with gaincell
  std::string output;
  unsigned jobs = 0;
  std::string shard = "1/1";
  std::string cache = characterize::default_cache_folder();
  bool json = false;
};

// Keeps every n-th column and sub-tile, from the k-th on.
template <typename Case>
void keep_shard(std::vector<Case>& cases, const characterize::Shard& shard) {
  std::vector<Case> kept;
  for (std::size_t i = 0; i < cases.size(); ++i)
    if (shard.has(i)) kept.push_back(std::move(cases[i]));
  cases = std::move(kept);
}

// What is to be audited: a model's inference, or random inputs.
struct Subject {
  std::unique_ptr<const lut::GainCellDevice> random_device;
  std::unique_ptr<ModelRun> model;
  std::string title;
  attention::EffectSet effects = attention::EffectSet::all();
  nlohmann::ordered_json settings;
  audit::Cases cases;

  const lut::GainCellDevice& device() const { return model ? *model->device : *random_device; }
};

void require_columns_of(const lut::GainCellDevice& device, int dim) {
  if (dim > device.tile)
    throw Error({.place = "--model",
                 .key = "head dimension",
                 .value = std::to_string(dim),
                 .rule = fmt::format("a column of the device has {} cells", device.tile)});
}

Subject inference(const AuditOptions& o) {
  Subject subject;
  ModelRunOptions options = o.run;
  options.attention = "analog";
  options.level = "fast";
  options.all_alike = true;  // as the transistors that are replayed
  options.window = o.window;
  subject.model = std::make_unique<ModelRun>(options);
  ModelRun& run = *subject.model;
  const model::Config& config = run.model.weights->config;
  const attention::Shape shape{config.n_head, config.head_dim(), run.choice.window, config.group()};
  require_columns_of(*run.device, shape.dim);
  auto [tokens, warnings] = read_tokens(o.text, *run.model.tokenizer, run.settings);
  warn(warnings);
  tokens.resize(std::min(tokens.size(), static_cast<std::size_t>(o.tokens)));
  if (tokens.empty())
    throw Error(
        {.place = o.text.path, .rule = "is empty", .remedy = "give a text of a token or more"});
  run.require_known_ages(static_cast<std::int64_t>(tokens.size()));

  audit::Recorder recorder(shape, config.n_layer, run.device->tile,
                           static_cast<std::int64_t>(tokens.size()), o.draw);
  for (int layer = 0; layer < config.n_layer; ++layer)
    recorder.attach(layer, dynamic_cast<attention::Analog&>(run.transformer->attention(layer)),
                    run.device->v_zero);
  ProgressBar bar("inference");
  constexpr std::size_t kBlock = 64;
  for (std::size_t at = 0; at < tokens.size(); at += kBlock) {
    const std::size_t n = std::min(kBlock, tokens.size() - at);
    run.transformer->run(std::span(tokens).subspan(at, n));
    bar.show(static_cast<double>(at + n) / static_cast<double>(tokens.size()));
  }
  const RangeNotes notes = run.range_notes();
  notes.warn();
  subject.cases = recorder.cases();
  subject.effects = run.choice.analog.effects;
  subject.title = fmt::format("{} on {}, {} tokens of {}, seed {}", o.run.model, o.run.device,
                              tokens.size(), o.text.path, o.draw.seed);
  subject.settings = run.settings;
  subject.settings["tokens"] = tokens.size();
  subject.settings["ranges"] = notes.to_json();
  return subject;
}

Subject random_inputs(const AuditOptions& o) {
  constexpr int kHeads = 4, kPublishedWindow = 1024, kLayers = 12;
  DeviceFacts facts = read_device(o.run.device);
  const attention::Shape shape{kHeads, facts.device->tile, o.window.value_or(kPublishedWindow)};
  attention::AnalogOptions options =
      analog_options("fast", o.run.without,
                     token_period(o.run.token_period_s, facts.latency_s_per_token(kLayers),
                                  facts.latency_s_per_token(1), "a token's attention in a layer"));
  set_error_limit(o.run.error_limit, options);
  const attention::Circuit circuit = attention::circuit_of(*facts.device);
  require_known_ages(circuit, options, o.tokens, shape.window);
  const auto engine =
      attention::make_analog(shape, circuit, attention::Scalers::identity(shape.heads), options);
  audit::Recorder recorder(shape, 1, facts.device->tile, o.tokens, o.draw);
  recorder.attach(0, *engine, facts.device->v_zero);
  audit::run_random_inputs(*engine, facts.device->tile, o.tokens, o.draw.seed);
  const RangeNotes notes{{engine->ranges()}, circuit.known_age_s, circuit_warnings(circuit)};
  notes.warn();
  Subject subject;
  subject.cases = recorder.cases();
  subject.effects = options.effects;
  subject.title = fmt::format("random inputs on {}, {} tokens, window {}, seed {}", o.run.device,
                              o.tokens, shape.window, o.draw.seed);
  subject.settings = {{"spread", "none: all alike"},
                      {"device", o.run.device},
                      {"device_sha256", facts.sha256},
                      {"inputs", "random"},
                      {"window", shape.window},
                      {"tokens", o.tokens},
                      {"token_period_s", options.token_period_s},
                      {"error_limit_rms", options.error_limit},
                      {"effects", effect_names(options.effects)},
                      {"ranges", notes.to_json()}};
  subject.random_device = std::move(facts.device);
  return subject;
}

// With --array whole sub-tiles alone are replayed, and without one that is drawn there is nothing.
void choose_draws(AuditOptions& o) {
  o.draw.columns = o.columns.value_or(o.array ? 0 : o.draw.columns);
  o.draw.tiles = o.tiles.value_or(o.array ? 1 : 0);
  if (o.array && o.draw.tiles < 1)
    throw Error({.key = "--tiles",
                 .value = "0",
                 .rule = "--array replays whole sub-tiles",
                 .remedy = "give --tiles 1 or more"});
}

void check(const AuditOptions& o) {
  constexpr int kMostColumns = 1'000'000, kMostTiles = 10'000, kMostTokens = 100'000'000;
  for (const auto& [value, name, least, most] :
       {std::tuple{o.draw.columns, "--columns", o.array ? 0 : 1, kMostColumns},
        {o.draw.tiles, "--tiles", 0, kMostTiles},
        {o.tokens, "--tokens", 1, kMostTokens},
        {o.window.value_or(1), "--window", 1, 65536}})
    if (value < least || value > most)
      throw Error({.key = name,
                   .value = std::to_string(value),
                   .rule = fmt::format("must be from {} to {}", least, most)});
  if (o.random == (!o.run.model.empty() || !o.text.path.empty()) ||
      o.run.model.empty() != o.text.path.empty())
    throw Error({.place = "gaincell audit",
                 .rule = "audits either a model's inference or random inputs",
                 .remedy = "give --model and --text, or --random"});
}

// The bench that writes the first stage's cells as the engine's tables say they were: where there
// is one, and neither write nor retention is left out.
std::optional<audit::ColumnBench> writing_bench(const std::filesystem::path& path,
                                                const lut::GainCellDevice& device,
                                                attention::EffectSet effects) {
  if (!std::filesystem::exists(path) || !effects.has(attention::Effect::kWrite) ||
      !effects.has(attention::Effect::kRetention))
    return std::nullopt;
  return std::make_optional<audit::ColumnBench>(path, device, device.tile);
}

std::optional<audit::ArrayBench> array_bench(const AuditOptions& o, const char* file,
                                             const lut::GainCellDevice& device) {
  if (!o.array) return std::nullopt;
  const std::filesystem::path folder = o.benches.empty() ? data_path("netlists/array") : o.benches;
  return std::make_optional<audit::ArrayBench>(folder / file, device);
}

int run(AuditOptions o) {
  choose_draws(o);
  check(o);
  const std::filesystem::path benches =
      o.benches.empty() ? data_path("netlists/column") : o.benches;
  const characterize::Shard shard = characterize::parse_shard(o.shard);
  Subject subject = o.random ? random_inputs(o) : inference(o);
  const lut::GainCellDevice& device = subject.device();
  audit::ColumnBenches columns{
      .first = {benches / "column_relu.yaml", device, device.tile},
      .second = {benches / "column_signed.yaml", device, device.tile},
      .first_written = writing_bench(benches / "column_relu_written.yaml", device, subject.effects),
      .first_array = array_bench(o, "array_relu.yaml", device),
      .second_array = array_bench(o, "array_signed.yaml", device),
  };
  if (!o.output.empty()) require_output(o.output);
  keep_shard(subject.cases.first, shard);
  keep_shard(subject.cases.second, shard);
  keep_shard(subject.cases.tiles, shard);

  characterize::SimulateOptions replay;
  replay.pool.worker = characterize::worker_program();
  replay.pool.workers = o.jobs > 0 ? o.jobs : std::max(1u, std::thread::hardware_concurrency());
  replay.cache = o.cache;
  const auto progress = characterize::text_progress(stderr);
  replay.progress = progress.get();
  const attention::Circuit circuit =
      attention::with_effects(attention::circuit_of(device), subject.effects);
  audit::Audit audit = audit::replay(subject.cases, circuit, columns, replay);
  audit.title = subject.title + (shard.whole() ? "" : ", shard " + shard.name());
  subject.settings["seed"] = o.draw.seed;
  subject.settings["shard"] = shard.name();
  if (!o.output.empty()) audit.write(o.output, json_text(subject.settings));
  if (o.json) {
    auto json = audit.to_json();
    json["settings"] = subject.settings;
    fmt::print("{}\n", json_text(json, 2));
  } else {
    say("{}", audit.brief());
    if (!o.output.empty()) say("wrote {}\n", o.output);
  }
  const std::size_t failed = audit.first.failed() + audit.second.failed() +
                             audit.tile_first.failed() + audit.tile_second.failed();
  return failed == 0 ? 0 : 1;
}

}  // namespace

Run cmd_audit(Arguments& app) {
  auto o = std::make_shared<AuditOptions>();
  app.add_option("--model", o->run.model, "model folder");
  app.add_option("--device", o->run.device, "device tables (`gaincell compile`)").required();
  app.add_option("--text", o->text.path, "text that the model reads");
  declare(app, o->text);
  app.add_flag("--random", o->random, "random inputs at window 1,024 in place of a model and text");
  app.add_option("--columns", o->columns,
                 "columns of each stage to replay (default: 200; with --array none)");
  app.add_option(
      "--tiles", o->tiles,
      "whole sub-tiles to replay, both arrays in a chain (64 + 64 columns each; default: "
      "none, with --array one)");
  app.add_flag(
      "--array", o->array,
      "of sub-tiles whole arrays, with the start, mirrors, supply, reference and wires that "
      "64 columns share, beside each column by itself; a quarter of an hour or more an array");
  app.add_option("--seed", o->draw.seed, "of the draw of layers, heads, tokens and columns");
  app.add_option("--tokens", o->tokens, "of the text, from its beginning");
  app.add_option("--without", o->run.without, "switch effects of the circuits off, by name")
      .delimiter(',');
  declare_error_limit(app, o->run.error_limit);
  declare_token_period(app, o->run.token_period_s,
                       "the layers' own time; of random inputs that of 12 layers");
  app.add_option("--window", o->window, "tokens attended to (default: the model's own)");
  app.add_option(
      "--benches", o->benches,
      "folder with column_relu.yaml and column_signed.yaml of the device's cell, and for --array "
      "array_relu.yaml and array_signed.yaml (default: the netlists/column and netlists/array that "
      "gaincell comes with)");
  app.add_option("-j,--jobs", o->jobs, "simulators at a time; 0 = as many as cores");
  app.add_option("--cache", o->cache, "folder with results of earlier simulations");
  app.add_option("--shard", o->shard,
                 "k/n: replays every n-th column; with a cache that all shards share, the same "
                 "command without --shard then has every result");
  app.add_option("-o,--output", o->output, "write every column to this HDF5 file");
  app.add_flag("--json", o->json, "as JSON");
  app.footer(
      "Every level is given the same stored voltages and pulses. The second stage is taken before "
      "the\ncounter rounds. Exits with 1 where a column has no result from SPICE. An interrupted "
      "audit goes on\nfrom its cache.");
  return [o] { return run(*o); };
}

}  // namespace gaincell::cli
