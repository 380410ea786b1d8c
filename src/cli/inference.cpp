#include "cli/inference.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "attention/analog_options.h"
#include "base/error.h"
#include "base/json.h"
#include "base/units.h"
#include "cli/energy_notes.h"
#include "energy/energy_model.h"
#include "model/attention_choice.h"
#include "scores/statistics.h"

namespace gaincell::cli {
namespace {

std::string drawn(const nlohmann::ordered_json& settings) {
  const auto& spread = settings.at("spread");
  const auto has = [&](std::string_view effect) {
    const auto& on = settings.at("effects");
    return std::find(on.begin(), on.end(), effect) != on.end();
  };
  bool mismatch = false, noise = false;
  for (const auto& [name, value] : spread.items())
    (name.ends_with("_noise_c") ? noise : mismatch) |= value.get<double>() > 0;
  std::string text;
  if (mismatch && has("mismatch"))
    text = fmt::format("chip {}", settings.at("spread_seed").get<std::uint64_t>());
  if (noise && has("read_noise"))
    text += fmt::format("{}noise {}", text.empty() ? "" : ", ",
                        settings.at("noise_seed").get<std::uint64_t>());
  return text.empty() ? "none" : text;
}

const char* no_energy(const nlohmann::ordered_json& settings) {
  return settings.contains("device") ? "not known (the device has no such energy)"
                                     : "none (no circuits)";
}

std::string energy_name(const std::string& key) {
  if (key == "total") return "energy per token";
  if (key == "active" || key == "standing") return "  " + key;
  if (key == "digital") return "  digital, published";
  if (key == "circuits") return "active + standing";
  return "    " + key;
}

void add_agreement(const nlohmann::ordered_json& agreement,
                   const std::function<void(const std::string&, const std::string&)>& line) {
  const auto with_error = [&](const std::string& key, double scale, const char* form) {
    const auto& error = agreement.at(key + "_standard_error");
    return fmt::format(fmt::runtime(form), scale * agreement.at(key).get<double>()) +
           (error.is_null()
                ? ""
                : " +- " + fmt::format(fmt::runtime(form), scale * error.get<double>()));
  };
  const auto against = agreement.at("against").get<std::string>();
  line("same top token", with_error("same_top", 100, "{:.2f}") + " % as " + against);
  line("KL from " + against, with_error("kl_nats", 1, "{:.4g}") + " nats per token");
  line("nats above " + against, with_error("nats_difference", 1, "{:.4f}"));
}

// The worst first.
std::vector<nlohmann::ordered_json> by_loss(const nlohmann::ordered_json& rows, const char* loss) {
  std::vector<nlohmann::ordered_json> sorted(rows.begin(), rows.end());
  std::stable_sort(sorted.begin(), sorted.end(), [&](const auto& a, const auto& b) {
    return a.at(loss).template get<double>() > b.at(loss).template get<double>();
  });
  return sorted;
}

// Where agreement is lost: layers, and the heads that lose most.
std::string loss_table(const nlohmann::ordered_json& agreement) {
  constexpr std::size_t kLayers = 12, kHeads = 8;
  const auto against = agreement.at("against").get<std::string>();
  const auto percent = [](const nlohmann::ordered_json& row, const char* key) {
    return fmt::format("{:.2f} %", 100 * row.at(key).get<double>());
  };
  const auto cosine = [](const nlohmann::ordered_json& row) {
    return row.at("cosine").get<double>();
  };
  const auto layers = by_loss(agreement.at("layers"), "of_stream"),
             heads = by_loss(agreement.at("heads"), "of_stream");
  std::string text = fmt::format(
      "\nwhere it goes away from {}, the worst first (same q, k and v; rms)\n"
      "{:<12}{:>12}{:>14}{:>10}{:>16}\n",
      against, "layer", "of stream", "of its output", "cosine", "stream behind");
  for (const auto& row : std::span(layers).first(std::min(kLayers, layers.size())))
    text += fmt::format("{:<12}{:>12}{:>14}{:>10.4f}{:>16}\n", row.at("layer").get<int>(),
                        percent(row, "of_stream"), percent(row, "relative_rms"), cosine(row),
                        percent(row, "stream_relative_rms"));
  text += fmt::format("{:<12}{:>12}{:>14}{:>10}\n", "head", "of stream", "of its output", "cosine");
  for (const auto& row : std::span(heads).first(std::min(kHeads, heads.size())))
    text += fmt::format("{:<12}{:>12}{:>14}{:>10.4f}\n",
                        fmt::format("{}.{}", row.at("layer").get<int>(), row.at("head").get<int>()),
                        percent(row, "of_stream"), percent(row, "relative_rms"), cosine(row));
  if (layers.size() > kLayers || heads.size() > kHeads) text += "(all layers and heads: --json)\n";
  return text;
}

void check(const InferenceOptions& o) {
  if (o.tokens && *o.tokens < 2) {
    throw Error({.key = "--tokens",
                 .value = std::to_string(*o.tokens),
                 .rule = "an evaluation needs at least 2 tokens",
                 .remedy = "leave it out for the whole text"});
  }
  if (o.stride && *o.stride < 1) {
    throw Error(
        {.key = "--stride", .value = std::to_string(*o.stride), .rule = "must be at least 1"});
  }
}

}  // namespace

nlohmann::ordered_json Inference::to_json() const {
  nlohmann::ordered_json latency;
  if (attention_latency_s) latency = *attention_latency_s;
  nlohmann::ordered_json held;
  if (ranges) held = ranges->to_json();
  nlohmann::ordered_json json{{"tokens", evaluation.tokens},
                              {"nats_per_token", evaluation.nats_per_token},
                              {"perplexity", evaluation.perplexity()},
                              {"energy_j_per_token", energy_j_per_token},
                              {"energy_not_counted", not_counted},
                              {"attention_latency_s_per_token", latency},
                              {"latency_s_per_token", latency},
                              {"tokens_per_second", evaluation.tokens_per_second()},
                              {"ranges", held}};
  if (!agreement.is_null()) json["agreement"] = agreement;
  json["settings"] = settings;
  return json;
}

std::string Inference::brief() const {
  std::string lines;
  const auto line = [&](const std::string& name, const std::string& value) {
    lines += fmt::format("{:<24} {}\n", name, value);
  };
  const auto text = [&](const char* key) { return settings.at(key).get<std::string>(); };
  line("model", text("model"));
  if (settings.contains("device")) line("device", text("device"));
  if (settings.contains("published_current")) line("current", text("published_current"));
  line("attention",
       fmt::format("{}, window {}{}", text("attention"), settings.at("window").get<int>(),
                   settings.contains("level") ? ", level " + text("level") : ""));
  if (settings.contains("fast_level"))
    line("fast level", brief_fast_level(settings.at("fast_level")));
  if (settings.contains("spread")) line("mismatch and noise", drawn(settings));
  line("positions", evaluation.stride > 0
                        ? fmt::format("{}, stride {}", text("positions"), evaluation.stride)
                        : fmt::format("{}, one sliding pass", text("positions")));
  if (text("digital") != "f32") line("digital layers", text("digital"));
  line("text", fmt::format("{}, {} tokens scored", text("text"), evaluation.tokens));
  lines += "\n";
  line("nats per token", fmt::format("{:.4f}", evaluation.nats_per_token));
  line("perplexity", fmt::format("{:.4f}", evaluation.perplexity()));
  for (const auto& [part, joules] : energy_j_per_token.items())
    line(energy_name(part),
         joules.is_null() ? no_energy(settings) : format_si(joules.get<double>(), "J"));
  if (settings.contains("token_period_s"))
    line("token period", format_si(settings.at("token_period_s").get<double>(), "s"));
  if (ranges)
    for (const std::string& held : ranges->lines()) line("held at range ends", held);
  line("attention latency", attention_latency_s
                                ? format_si(*attention_latency_s, "s") + " a token, all layers"
                                : "none (no circuits)");
  if (!agreement.is_null()) add_agreement(agreement, line);
  line("simulated", fmt::format("{:.0f} tokens per second", evaluation.tokens_per_second()));
  if (agreement.contains("layers")) lines += loss_table(agreement);
  return lines;
}

RunEnergy energy_per_token(const RunPlan& run, const model::EvaluationReport& evaluation) {
  RunEnergy result{.joules = {{"total", nullptr}}};
  if (!run.device) return result;
  energy::Activity activity;
  for (const auto& layer : evaluation.activity) activity += layer;
  const energy::EnergyModel model(*run.device);
  const energy::Energy energy = model.of(activity, run.choice.analog.token_period_s)
                                    .per(static_cast<double>(evaluation.tokens_run));
  result.joules = cli::to_json(energy);
  result.not_counted = not_counted_json();
  result.items = items_json(energy);
  if (const auto warning = period_warning(model, run.choice.analog.token_period_s))
    result.warnings.push_back(*warning);
  return result;
}

namespace {

void put_mean(const std::string& key, std::span<const double> values,
              nlohmann::ordered_json& json) {
  const scores::Mean mean = scores::mean_of_blocks(values, scores::kTokensOfBlock);
  const scores::Interval interval = mean.interval();
  json[key] = mean.value;
  json[key + "_standard_error"] = number_or_null(mean.standard_error);
  json[key + "_interval"] = {number_or_null(interval.low), number_or_null(interval.high)};
}

}  // namespace

nlohmann::ordered_json nats_json(const model::EvaluationReport& evaluation) {
  nlohmann::ordered_json json;
  put_mean("nats_per_token", evaluation.nats, json);
  return json;
}

namespace {

void put_layers(std::span<const model::LayerAgreement> layers, nlohmann::ordered_json& json) {
  json["layers"] = json["heads"] = nlohmann::ordered_json::array();
  for (std::size_t layer = 0; layer < layers.size(); ++layer) {
    const model::LayerAgreement& one = layers[layer];
    json["layers"].push_back({{"layer", layer},
                              {"of_stream", one.loss.of_stream},
                              {"relative_rms", one.loss.relative_rms},
                              {"cosine", one.loss.cosine},
                              {"stream_relative_rms", one.stream_relative_rms}});
    for (std::size_t head = 0; head < one.heads.size(); ++head)
      json["heads"].push_back({{"layer", layer},
                               {"head", head},
                               {"of_stream", one.heads[head].of_stream},
                               {"relative_rms", one.heads[head].relative_rms},
                               {"cosine", one.heads[head].cosine}});
  }
}

}  // namespace

nlohmann::ordered_json agreement_json(const model::EvaluationReport& evaluation,
                                      const std::string& against) {
  const model::Agreement& found = *evaluation.agreement;
  nlohmann::ordered_json json{{"against", against}};
  const auto put = [&](const std::string& key, std::span<const double> values) {
    put_mean(key, values, json);
  };
  put("same_top", found.same_top);
  put("kl_nats", found.kl_nats);
  put("reference_nats_per_token", found.reference_nats);
  std::vector<double> difference(found.reference_nats.size());
  std::transform(evaluation.nats.begin(), evaluation.nats.end(), found.reference_nats.begin(),
                 difference.begin(), std::minus<>());
  put("nats_difference", difference);
  if (!found.layers.empty()) put_layers(found.layers, json);
  return json;
}

namespace {

std::vector<std::unique_ptr<attention::Attention>> reference_attention(const ModelRun& run,
                                                                       model::AttentionKind kind) {
  return model::make_attention(*run.model.weights,
                               {.kind = kind, .window = run.choice.window, .analog = {}});
}

// The same weights under the attention that a run is held beside; none where it is beside nothing.
std::unique_ptr<model::Transformer> reference_of(const ModelRun& run, const InferenceOptions& o) {
  if (o.against.empty()) return nullptr;
  const model::AttentionKind kind = model::parse_attention_kind(o.against, "", "--against");
  if (kind == model::AttentionKind::kAnalog)
    throw Error({.key = "--against",
                 .value = o.against,
                 .rule = "must be softmax or linear",
                 .remedy = "two devices are compared by their runs against either"});
  return std::make_unique<model::Transformer>(run.model.weights, reference_attention(run, kind),
                                              thread_count(o.run.threads));
}

}  // namespace

void declare(Arguments& app, InferenceOptions& o) {
  declare(app, o.run);
  app.add_option("--text", o.text.path, "text to predict, UTF-8, or UTF-16 with a byte order mark")
      .required();
  app.add_option("--tokens", o.tokens, "only the first so many tokens of the text");
  app.add_option("--stride", o.stride,
                 "learned positions: step of the window (default: half the positions)");
  app.add_option("--against", o.against,
                 "softmax or linear: agreement with the same weights under that, token by token");
  declare(app, o.text);
}

InferenceText read_text(const InferenceOptions& o, model::Tokenizer& tokenizer) {
  InferenceText read;
  read.text = read_tokens(o.text, tokenizer, read.settings);
  std::vector<int>& tokens = read.text.tokens;
  if (o.tokens && static_cast<std::size_t>(*o.tokens) < tokens.size()) tokens.resize(*o.tokens);
  return read;
}

std::unique_ptr<RunPlan> plan_inference(const InferenceOptions& o, const model::Model& model) {
  check(o);
  model::require_stride(model.weights->config, o.stride.value_or(0));
  return std::make_unique<RunPlan>(o.run, model);
}

Inference infer(const InferenceOptions& o) {
  check(o);
  ModelRun run(o.run);
  const InferenceText text = read_text(o, *run.model.tokenizer);
  return infer(o, run, text);
}

Inference infer(const InferenceOptions& o, ModelRun& run, const InferenceText& text) {
  check(o);
  const std::vector<int>& tokens = text.text.tokens;
  std::vector<std::string> warnings = text.text.warnings;
  run.settings.update(text.settings);
  run.require_known_ages(static_cast<std::int64_t>(tokens.size()) - 1);
  warn_of_short_text(tokens.size(), run.choice.window, warnings);
  const auto reference = reference_of(run, o);
  std::vector<std::unique_ptr<attention::Attention>> beside;
  if (reference && o.by_layer)
    beside = reference_attention(run, model::parse_attention_kind(o.against, "", "--against"));
  Inference report;
  report.warnings = std::move(warnings);
  report.evaluation =
      model::evaluate(*run.transformer, tokens,
                      {.stride = o.stride.value_or(0),
                       // The column level takes about a second a token.
                       .block = run.choice.analog.level == attention::Level::kColumn ? 64 : 4096,
                       .reference = reference.get(),
                       .beside = std::move(beside),
                       .progress = o.progress});
  if (reference) report.agreement = agreement_json(report.evaluation, o.against);
  report.attention_latency_s = run.attention_latency_s;
  report.settings = run.settings;
  RunEnergy energy = energy_per_token(run, report.evaluation);
  report.energy_j_per_token = std::move(energy.joules);
  report.not_counted = std::move(energy.not_counted);
  if (energy.items) report.settings["energy_items"] = *std::move(energy.items);
  for (std::string& line : energy.warnings) report.warnings.push_back(std::move(line));
  if (run.choice.kind != model::AttentionKind::kSoftmax) {
    report.ranges = run.range_notes();
    for (std::string& line : report.ranges->unusual()) report.warnings.push_back(std::move(line));
  }
  // 0 = one sliding pass. Energy is per token run: overlapping windows run some tokens twice.
  report.settings["stride"] = report.evaluation.stride;
  report.settings["tokens_run"] = report.evaluation.tokens_run;
  return report;
}

}  // namespace gaincell::cli
