#include "cli/model_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <thread>

#include "base/error.h"
#include "base/units.h"
#include "base/version.h"
#include "lut/ideal_device.h"

namespace gaincell::cli {

namespace {

struct SpreadField {
  const char* name;
  double& (*of)(attention::Spread&);
  const char* unit;
};
constexpr SpreadField kSpreadFields[] = {
    {"cell_gain", [](attention::Spread& s) -> double& { return s.cell_gain; }, "1"},
    {"cell_offset_v", [](attention::Spread& s) -> double& { return s.cell_offset_v; }, "V"},
    {"relu_gain", [](attention::Spread& s) -> double& { return s.relu.gain; }, "1"},
    {"relu_offset_c", [](attention::Spread& s) -> double& { return s.relu.offset_c; }, "C"},
    {"relu_noise_c", [](attention::Spread& s) -> double& { return s.relu.noise_c; }, "C"},
    {"signed_gain", [](attention::Spread& s) -> double& { return s.differential.gain; }, "1"},
    {"signed_offset_c", [](attention::Spread& s) -> double& { return s.differential.offset_c; },
     "C"},
    {"signed_noise_c", [](attention::Spread& s) -> double& { return s.differential.noise_c; }, "C"},
};

// Of mismatch or of noise, all alike.
struct SpreadFactor {
  const char* name;
  bool (*of)(std::string_view field);
};
bool is_noise(std::string_view field) { return field.ends_with("_noise_c"); }
constexpr SpreadFactor kSpreadFactors[] = {
    {"mismatch_factor", [](std::string_view field) { return !is_noise(field); }},
    {"noise_factor", is_noise},
};

std::string spread_names() {
  std::string names;
  for (const SpreadField& field : kSpreadFields)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", field.name);
  for (const SpreadFactor& factor : kSpreadFactors) names += fmt::format(", {}", factor.name);
  return names;
}

// A constant `spread_<name>` of the device; none where it states no such.
std::optional<double> stated_spread(const lut::GainCellDevice& device, const std::string& name,
                                    const char* unit) {
  const lut::Constant* found = device.file().find_constant("spread_" + name);
  if (found == nullptr) return std::nullopt;
  const auto refuse = [&](const std::string& key, const std::string& value,
                          const std::string& rule) {
    throw Error({.place = device.file().place(),
                 .key = found->quantity.name + key,
                 .value = value,
                 .rule = rule});
  };
  if (found->quantity.unit != unit)
    refuse("@units", found->quantity.unit, std::string("must be ") + unit);
  if (!(found->value >= 0 && std::isfinite(found->value)))
    refuse("", fmt::format("{}", found->value), "must be 0 or more, one standard deviation");
  return found->value;
}

// What the device states; none where it states nothing.
std::optional<attention::Spread> stated_spread(const lut::GainCellDevice& device) {
  attention::Spread spread;
  bool any = false;
  for (const SpreadField& field : kSpreadFields)
    if (const auto value = stated_spread(device, field.name, field.unit)) {
      field.of(spread) = *value;
      any = true;
    }
  // Of one cell under the longest pulse; a column has a tile of them, under half of it on average,
  // and the converter meets their sum.
  if (const auto cell = stated_spread(device, "cell_noise_c", "C")) {
    const double of_column = *cell * std::sqrt(0.5 * device.tile);
    for (attention::Spread::Converter* converter : {&spread.relu, &spread.differential})
      converter->noise_c = std::hypot(converter->noise_c, of_column);
    any = true;
  }
  if (!any) return std::nullopt;
  return spread;
}

attention::Spread spread_of(const lut::GainCellDevice& device) {
  const auto spread = stated_spread(device);
  if (!spread)
    throw Error({.place = device.file().place(),
                 .key = "spread_*",
                 .rule = "the device states no mismatch and no noise",
                 .remedy = "give numbers, --spread cell_gain=0.02; there are " + spread_names()});
  return *spread;
}

}  // namespace

void declare(Arguments& app, ModelRunOptions& o) {
  o.was_given = [&app](const char* option) { return app.was_given(option); };
  app.add_option("--model", o.model, "model folder: config.json, model.safetensors, vocab.json")
      .required();
  app.add_option("--attention", o.attention,
                 "softmax, linear or analog (default: the model's own)");
  app.add_option("--device", o.device,
                 "device tables (`gaincell compile`, `gaincell import`), or `published`");
  declare_published_variant(app, o.published_variant);
  app.add_option("--window", o.window, "tokens attended to (default: the model's own)");
  app.add_option("--level", o.level, "analog engine: fast, or column (reference, slow)");
  app.add_option("--without", o.without, "switch effects of the circuits off, by name")
      .delimiter(',');
  app.add_option("--spread", o.spread,
                 "mismatch and read noise, one standard deviation each: " + spread_names() +
                     "; in place of what the device file states, or with `device` beside it")
      .delimiter(',');
  declare_hardware(app, o.hardware);
  declare_seeds(app, o.seed, o.noise_seed);
  declare_error_limit(app, o.error_limit);
  declare_token_period(app, o.token_period_s, "the layers' own time");
  app.add_option("--threads", o.threads, "0 = one per core; results do not depend on it");
  declare_digital(app, o.digital);
}

void declare_digital(Arguments& app, std::string& digital) {
  app.add_option("--digital", digital,
                 "products of the digital layers: f32, or bf16 or int8, which are faster and lose "
                 "a little");
}

void refuse_idle(const WasGiven& was_given, std::initializer_list<const char*> options,
                 const std::string& rule, const std::string& remedy) {
  if (!was_given) return;
  for (const char* option : options) {
    if (was_given(option)) throw Error({.place = option, .rule = rule, .remedy = remedy});
  }
}

void refuse_idle_engine_options(const WasGiven& was_given, const attention::Spread& spread,
                                const std::string& level) {
  if (spread == attention::Spread{})
    refuse_idle(was_given, {"--spread-seed", "--noise-seed"}, "no mismatch and no noise is drawn",
                "drop it, or give --spread");
  if (level != "fast")
    refuse_idle(was_given, {"--error-limit"}, fmt::format("level {} has no error to limit", level),
                "drop it, or give --level fast");
}

void declare_seeds(Arguments& app, std::uint64_t& spread, std::uint64_t& noise) {
  app.add_option("--spread-seed", spread, "of the mismatch: another chip");
  app.add_option("--noise-seed", noise, "of the read noise: another run of the same chip");
}

void declare_token_period(Arguments& app, std::optional<double>& seconds, const std::string& own) {
  app.add_option("--token-period", seconds,
                 "seconds from one token to the next, for the cells' ages and what stands between "
                 "tokens (default: " +
                     own + ")");
}

double token_period(const std::optional<double>& asked, double own_s, double least_s,
                    const std::string& needed_for) {
  const double period_s = asked.value_or(own_s);
  // What was asked for may be the latency itself, as somebody read it off.
  if (asked && !(std::isfinite(period_s) && period_s >= least_s * (1 - 1e-9)))
    throw Error({.key = "--token-period",
                 .value = fmt::format("{}", period_s),
                 .rule = fmt::format("must be at least {}, which {} needs", format_si(least_s, "s"),
                                     needed_for),
                 .remedy = "give seconds, such as 1e-4"});
  return period_s;
}

double token_period_of_layers(const std::optional<double>& asked, const DeviceFacts& facts,
                              const model::Config& config) {
  const double own_s = attention_latency_s(facts, config);
  return token_period(asked, own_s, own_s,
                      fmt::format("a token's attention in {} layers", config.n_layer));
}

double attention_latency_s(const DeviceFacts& facts, const model::Config& config) {
  return facts.latency_s_per_token(config.n_layer * config.group());
}

double DeviceFacts::latency_s_per_token(int layers) const {
  return layers * (device->latency_first_stage_s + device->latency_second_stage_s);
}

DeviceFacts read_device(const std::string& path, const std::vector<std::string>& published_variant,
                        const HardwareChanges& changes, DeviceFiles* files) {
  if (path.empty()) {
    throw Error({.place = "--device",
                 .rule = "analog attention needs the tables of a device",
                 .remedy = "give --device device.h5, as `gaincell compile` writes it, or "
                           "--device published"});
  }
  DeviceFacts facts;
  if (path == "published") {
    facts.variant = parse_published_variant(published_variant);
    lut::IdealPeriphery periphery;
    changes.apply(periphery);
    facts.device =
        std::make_unique<lut::GainCellDevice>(lut::published_device(*facts.variant, periphery));
    return facts;
  }
  if (!published_variant.empty())
    throw Error(
        {.place = "--published-variant",
         .rule = fmt::format("{} is a device file, which says itself how it computes", path),
         .remedy = "drop it, or give --device published"});
  DeviceFiles own;
  const DeviceFiles::Entry& file = (files != nullptr ? *files : own).read(path);
  auto device = std::make_unique<lut::GainCellDevice>(file.device);
  changes.apply(*device);
  facts.device = std::move(device);
  facts.sha256 = file.sha256;
  return facts;
}

attention::AnalogOptions analog_options(const std::string& level,
                                        const std::vector<std::string>& without,
                                        double token_period_s) {
  attention::AnalogOptions options{.token_period_s = token_period_s};
  if (level == "fast") {
    options.level = attention::Level::kFast;
  } else if (level == "column") {
    options.level = attention::Level::kColumn;
  } else {
    throw Error({.key = "--level",
                 .value = level,
                 .rule = "must be fast or column",
                 .remedy = level == "spice"
                               ? "`gaincell attend` has the spice level, and `gaincell "
                                 "audit` replays columns of a model's inference"
                               : ""});
  }
  for (const std::string& text : without) {
    const auto effect = attention::effect_named(text);
    if (!effect) {
      throw Error(
          {.key = "--without",
           .value = text,
           .rule = "is no effect",
           .remedy = fmt::format(
               "there are {}",
               fmt::join(effect_names(attention::EffectSet::all()).get<std::vector<std::string>>(),
                         ", "))});
    }
    options.effects = options.effects.without(*effect);
  }
  return options;
}

void declare_error_limit(Arguments& app, double& error_limit) {
  app.add_option("--error-limit", error_limit,
                 "what the fast level may be off the column level, share of full scale: rms on "
                 "random columns (uniform, leaning to one side, of low rank), and twice as much on "
                 "columns of one level");
}

void set_error_limit(double error_limit, attention::AnalogOptions& options) {
  constexpr double kLeast = 1e-5, kMost = 0.1;
  if (!(error_limit >= kLeast && error_limit <= kMost))
    throw Error({.key = "--error-limit",
                 .value = fmt::format("{}", error_limit),
                 .rule = fmt::format("must lie between {} and {}", kLeast, kMost),
                 .remedy = "2e-3 is 3 % of the output's LSB"});
  options.error_limit = error_limit;
}

namespace {

double spread_number(const std::string& name, const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != 0 || !(value >= 0) || !std::isfinite(value))
    throw Error({.key = "--spread " + name,
                 .value = text,
                 .rule = name.ends_with("_factor")
                             ? "must be a number of 0 or more"
                             : "must be a number of 0 or more, one standard deviation"});
  return value;
}

// The fields that a name means: itself, or all that a factor is of.
std::vector<const SpreadField*> spread_fields(const std::string& name) {
  const auto* factor = std::find_if(std::begin(kSpreadFactors), std::end(kSpreadFactors),
                                    [&](const SpreadFactor& f) { return name == f.name; });
  std::vector<const SpreadField*> fields;
  for (const SpreadField& field : kSpreadFields)
    if (factor != std::end(kSpreadFactors) ? factor->of(field.name) : name == field.name)
      fields.push_back(&field);
  return fields;
}

}  // namespace

attention::Spread parse_spread(const std::vector<std::string>& words,
                               const lut::GainCellDevice& device) {
  if (words.empty()) return stated_spread(device).value_or(attention::Spread{});
  // A factor that nothing stands before is of what the device states.
  const bool of_device = words.front().find("_factor=") != std::string::npos;
  attention::Spread spread = of_device ? spread_of(device) : attention::Spread{};
  for (const std::string& word : words) {
    if (word == "device") {
      spread = spread_of(device);
      continue;
    }
    const std::size_t equal = std::min(word.find('='), word.size());
    const std::string name = word.substr(0, equal);
    const auto fields = spread_fields(name);
    if (fields.empty())
      throw Error({.key = "--spread",
                   .value = word,
                   .rule = "is no spread",
                   .remedy = "give name=value; there are " + spread_names() + "; or `device`"});
    const double value = spread_number(name, word.substr(std::min(equal + 1, word.size())));
    if (name.ends_with("_factor") &&
        std::all_of(fields.begin(), fields.end(),
                    [&](const SpreadField* field) { return field->of(spread) == 0; }))
      throw Error({.key = "--spread " + name,
                   .value = fmt::format("{}", value),
                   .rule = fmt::format("there is none that it could multiply, in what {} states or "
                                       "what stands before it",
                                       device.file().place()),
                   .remedy = "give numbers, such as cell_gain=0.02"});
    for (const SpreadField* field : fields)
      field->of(spread) = name.ends_with("_factor") ? field->of(spread) * value : value;
  }
  return spread;
}

nlohmann::ordered_json to_json(const attention::Spread& spread) {
  nlohmann::ordered_json json;
  attention::Spread copy = spread;
  for (const SpreadField& field : kSpreadFields) json[field.name] = field.of(copy);
  return json;
}

nlohmann::ordered_json to_json(const attention::FastReport& report, double error_limit) {
  const auto stage = [](const attention::FastReport::Stage& s) {
    return nlohmann::ordered_json{{"segments", s.segments},
                                  {"substeps", s.substeps},
                                  {"rank", s.rank},
                                  {"low_ranks", s.low_ranks},
                                  {"low_per_high", s.low_per_high},
                                  {"whole_weights", s.whole_weights},
                                  {"degree", s.degree},
                                  {"bytes", s.bytes},
                                  {"error_rms", s.error},
                                  {"error_of_slow_rows_rms", s.slow_rows_error},
                                  {"gain_error_of_short_pulses", s.gain_error},
                                  {"error_of_one_level_max", s.one_level_error},
                                  {"error_of_two_levels_max", s.two_levels_error}};
  };
  return {{"error_limit_rms", error_limit}, {"first", stage(report.first)},
          {"second", stage(report.second)}, {"age_block", report.age_block},
          {"age_error", report.age_error},  {"instruction_set", report.instruction_set}};
}

std::string brief_fast_level(const nlohmann::ordered_json& fast_level) {
  const auto both = [&](const char* key) {
    return fmt::format("{:.2g} and {:.2g}", fast_level.at("first").at(key).get<double>(),
                       fast_level.at("second").at(key).get<double>());
  };
  return fmt::format(
      "error {} rms of full scale on random columns (limit {:g}), {} where rows change slowly, "
      "at most {} on those of one level and {} on those of two; gain of short pulses off by {}; "
      "rank {}, segments {}; {}",
      both("error_rms"), fast_level.at("error_limit_rms").get<double>(),
      both("error_of_slow_rows_rms"), both("error_of_one_level_max"),
      both("error_of_two_levels_max"), both("gain_error_of_short_pulses"), both("rank"),
      both("segments"), fast_level.at("instruction_set").get<std::string>());
}

nlohmann::ordered_json effect_names(attention::EffectSet effects) {
  auto names = nlohmann::ordered_json::array();
  for (int i = 0; i < attention::kEffects; ++i) {
    const auto effect = static_cast<attention::Effect>(i);
    if (effects.has(effect)) names.push_back(std::string(attention::name(effect)));
  }
  return names;
}

int thread_count(int asked) {
  if (asked < 0) {
    throw Error({.key = "--threads", .value = std::to_string(asked), .rule = "must be 0 or more"});
  }
  return asked > 0 ? asked : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

RunPlan::RunPlan(const ModelRunOptions& o, const model::Model& model) {
  const model::Config& config = model.weights->config;
  choice.kind = o.attention.empty() ? config.attention.kind
                                    : model::parse_attention_kind(o.attention, "", "--attention");
  choice.window = o.window.value_or(config.attention.window);
  model::require_window(config, choice.window);
  settings = {{"program_version", kVersion},
              {"model", o.model},
              {"model_sha256", model.weights_sha256},
              {"config_sha256", model.config_sha256},
              {"attention", to_string(choice.kind)},
              {"window", choice.window},
              {"positions", to_string(config.positions)},
              {"layers", config.n_layer},
              {"heads", config.n_head},
              {"head_dim", config.head_dim()},
              {"digital", to_string(model.weights->arithmetic)}};
  if (config.group() > 1) settings["kv_heads"] = config.kv_heads();
  if (!model.weights->remarks.empty()) settings["checkpoint"] = model.weights->remarks;
  if (choice.kind != model::AttentionKind::kSoftmax)
    settings["scalers"] =
        model.weights->has_scalers ? "checkpoint" : "none: a = 1, b = 0 (0.45 for k and v)";
  const HardwareChanges changes(o.hardware);
  if (choice.kind == model::AttentionKind::kAnalog) {
    plan_circuits(o, model);
  } else {
    refuse_idle(o.was_given,
                {"--device", "--published-variant", "--level", "--without", "--spread",
                 "--spread-seed", "--noise-seed", "--error-limit", "--token-period"},
                fmt::format("{} attention has no circuits", to_string(choice.kind)),
                "drop it, or give --attention analog");
  }
  if (choice.kind == model::AttentionKind::kSoftmax && !changes.empty())
    throw Error({.place = "--hardware",
                 .rule = "softmax attention has no hardware",
                 .remedy = "drop it, or give --attention linear or analog"});
  if (choice.kind == model::AttentionKind::kLinear && !changes.empty())
    changes.apply(choice.linear.emplace(config.attention));
  if (!changes.empty()) settings["hardware"] = changes.to_json();
  settings["threads"] = thread_count(o.threads);
}

void RunPlan::plan_circuits(const ModelRunOptions& o, const model::Model& model) {
  const model::Config& config = model.weights->config;
  DeviceFacts facts =
      read_device(o.device, o.published_variant, HardwareChanges(o.hardware), o.device_files);
  attention_latency_s = cli::attention_latency_s(facts, config);
  choice.analog =
      analog_options(o.level, o.without, token_period_of_layers(o.token_period_s, facts, config));
  set_error_limit(o.error_limit, choice.analog);
  settings["device"] = o.device;
  if (!facts.sha256.empty()) settings["device_sha256"] = facts.sha256;
  if (facts.variant) settings["published_variant"] = to_json(*facts.variant);
  if (const auto current = published_current_note(*facts.device))
    settings["published_current"] = *current;
  settings["level"] = o.level;
  settings["effects"] = effect_names(choice.analog.effects);
  settings["token_period_s"] = choice.analog.token_period_s;
  if (o.all_alike)
    settings["spread"] = "none: all alike";
  else
    choice.analog.spread = parse_spread(o.spread, *facts.device);
  refuse_idle_engine_options(o.was_given, choice.analog.spread, o.level);
  choice.analog.seed = o.seed;
  choice.analog.noise_seed = o.noise_seed;
  const attention::Circuit circuit =
      attention::with_effects(attention::circuit_of(*facts.device), choice.analog.effects);
  known_age_s = circuit.known_age_s;
  warnings = circuit_warnings(circuit);
  if (!model.weights->has_scalers)
    warnings.push_back(fmt::format(
        "{} has no hardware scalers: it was never fitted to a circuit, and its q, k and v are "
        "clipped as they are; `gaincell convert` fits them, then train it, then `gaincell adapt`",
        o.model));
  if (!warnings.empty()) settings["warnings"] = warnings;
  if (!o.all_alike) {
    settings["spread"] = to_json(choice.analog.spread);
    settings["spread_seed"] = o.seed;
    settings["noise_seed"] = o.noise_seed;
  }
  device = std::move(facts.device);
  choice.device = device.get();
}

ModelRun::ModelRun(const ModelRunOptions& o)
    : ModelRun(o, model::read_model(o.model, model::parse_arithmetic(o.digital, "--digital"))) {}

ModelRun::ModelRun(const ModelRunOptions& o, model::Model loaded)
    : RunPlan(o, loaded), model(std::move(loaded)) {
  auto layers = make_attention(*model.weights, choice);
  if (const auto* engine = dynamic_cast<const attention::Analog*>(layers.front().get()))
    if (const attention::FastReport* report = engine->fast_report())
      settings["fast_level"] = to_json(*report, choice.analog.error_limit);
  transformer = std::make_unique<model::Transformer>(model.weights, std::move(layers),
                                                     thread_count(o.threads));
}

void ModelRun::require_known_ages(std::int64_t text) const {
  if (!device) return;
  const model::Config& config = model.weights->config;
  // Learned positions run out, and the next pass begins with an empty ring.
  if (config.positions == model::Positions::kLearned)
    text = std::min<std::int64_t>(text, config.n_positions);
  cli::require_known_ages(attention::circuit_of(*device), choice.analog, text, choice.window);
}

}  // namespace gaincell::cli
