#include "model/convert.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "base/version.h"
#include "cli/commands.h"
#include "cli/model_run.h"
#include "cli/range_notes.h"
#include "cli/say.h"
#include "cli/text_input.h"
#include "model/adapt.h"
#include "model/model_folder.h"

namespace gaincell::cli {
namespace {

struct ConvertVerb {
  std::string model, out;
  TextInput text;
  std::optional<int> window;     // none = the model's own
  int batch = 8, length = 1024;  // calibration sequences, tokens of each at most
  std::uint64_t seed = 1;
  int threads = 0;
  bool json = false;
};

void require_softmax(const model::Model& model, const std::string& folder) {
  if (!model.weights->has_scalers) return;
  throw Error({.place = folder,
               .rule = "has hardware scalers, so it is no model of softmax attention",
               .remedy = "fit them to a device with `gaincell adapt`"});
}

nlohmann::ordered_json record_of(const ConvertVerb& o, const model::Model& model,
                                 const nlohmann::ordered_json& text, int window, int length,
                                 const model::ConvertReport& report) {
  const RangeNotes notes{.layers = report.clipped};
  return {{"program_version", kVersion},
          {"method", "moments of q, k and v; least squares of the output"},
          {"model_sha256", model.weights_sha256},
          {"text", std::filesystem::path(o.text.path).filename().string()},
          {"text_sha256", text.at("text_sha256")},
          {"sequences", o.batch},
          {"sequence_tokens", length},
          {"seed", o.seed},
          {"window", window},
          {"nats_per_token_softmax", report.nats_softmax},
          {"nats_per_token_linear", report.nats_linear},
          {"explained_by_layer", report.explained},
          {"ranges", notes.to_json()}};
}

void say_report(const ConvertVerb& o, int length, const model::ConvertReport& report,
                double seconds) {
  const auto [least, most] = std::minmax_element(report.explained.begin(), report.explained.end());
  say("nats per token on {} x {} tokens of {}\n"
      "  exact softmax                      {:.4f}\n"
      "  linear hardware, without training  {:.4f}\n"
      "of the variance of softmax's outputs the hardware gives back {:.0f} % (layer {}) to {:.0f} "
      "% "
      "(layer {}); {:.1f} s\n"
      "wrote {}\n",
      o.batch, length, o.text.path, report.nats_softmax, report.nats_linear, 100 * *least,
      least - report.explained.begin(), 100 * *most, most - report.explained.begin(), seconds,
      o.out);
}

int run_convert(const ConvertVerb& o) {
  model::require_replaceable(o.out, o.model);
  const model::Model model = model::read_model(o.model);
  require_softmax(model, o.model);
  const model::Config& config = model.weights->config;
  const int window = o.window.value_or(config.attention.window);
  const int length = config.positions == model::Positions::kLearned
                         ? std::min(o.length, config.n_positions)
                         : o.length;
  nlohmann::ordered_json text;
  auto [tokens, warnings] = read_tokens(o.text, *model.tokenizer, text);
  const auto batch = model::draw_batch(tokens, o.batch, length, o.seed);
  const auto start = std::chrono::steady_clock::now();
  const model::ConvertReport report =
      model::convert(model.weights, window, batch, thread_count(o.threads));
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  nlohmann::ordered_json record = record_of(o, model, text, window, length, report);
  for (std::string& line : RangeNotes{.layers = report.clipped}.unusual())
    warnings.push_back(std::move(line));
  warn(warnings);
  model::AttentionConfig linear = config.attention;
  linear.kind = model::AttentionKind::kLinear;
  linear.window = window;
  model::write_scaled(o.out, model, report.scalers, linear, model::ScaledBy::kConversion, record);
  if (o.json) {
    record["seconds"] = seconds;
    fmt::print("{}\n", json_text(record, 2));
  } else {
    say_report(o, length, report, seconds);
  }
  return 0;
}

}  // namespace

Run cmd_convert(Arguments& app) {
  auto o = std::make_shared<ConvertVerb>();
  app.add_option("--model", o->model, "model folder with softmax attention, as published")
      .required();
  app.add_option("--text", o->text.path,
                 "calibration text: a part of what the model was trained on")
      .required();
  declare(app, o->text);
  app.add_option("--out", o->out,
                 "model folder to write; replaced only where convert or adapt wrote it")
      .required();
  app.add_option("--window", o->window, "tokens attended to (default: the model's own)");
  app.add_option("--batch", o->batch, "calibration sequences").from_to(1, 100'000);
  app.add_option("--length", o->length, "tokens of each; at most the model's positions")
      .from_to(1, 1'000'000);
  app.add_option("--seed", o->seed, "draws the sequences from the text");
  app.add_option("--threads", o->threads, "0 = one per core; results do not depend on it");
  app.add_flag("--json", o->json, "report as JSON");
  app.footer(
      "Queries, keys and values of each head are placed in the hardware's ranges, its output is "
      "fitted to that of\n"
      "softmax by least squares. What that loses is printed; training (`gaincell train`, "
      "gaincell.torch) has to\n"
      "win it back. Then `gaincell adapt` moves the model onto a device.");
  return [o] { return run_convert(*o); };
}

}  // namespace gaincell::cli
