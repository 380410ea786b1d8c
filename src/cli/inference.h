#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/model_run.h"
#include "cli/range_notes.h"
#include "cli/text_input.h"
#include "model/evaluate.h"

namespace gaincell::cli {

// A text through a model, as `gaincell infer`, a study and the Python package run it.
struct InferenceOptions {
  ModelRunOptions run;
  TextInput text;
  std::optional<int> tokens;  // only the first so many
  std::optional<int> stride;  // of learned positions; none = half the positions
  std::string against;        // softmax or linear: also looked at beside that; empty = not
  bool by_layer = true;       // that by layer and head too, which costs time
  std::function<void(double share)> progress = {};
};

struct Inference {
  model::EvaluationReport evaluation;
  std::optional<double> attention_latency_s;
  nlohmann::ordered_json energy_j_per_token, not_counted;
  std::optional<RangeNotes> ranges;  // none where the attention has no ranges
  nlohmann::ordered_json agreement;  // null where nothing is beside it
  nlohmann::ordered_json settings;
  std::vector<std::string> warnings;  // what is unusual and no error

  // A figure that the run does not have is null.
  nlohmann::ordered_json to_json() const;
  std::string brief() const;  // some lines for people
};

// What Inference::agreement holds, from what evaluate() found.
nlohmann::ordered_json agreement_json(const model::EvaluationReport& evaluation,
                                      const std::string& against);

// nats_per_token with _standard_error and _interval (95 %, over blocks of the text's tokens).
nlohmann::ordered_json nats_json(const model::EvaluationReport& evaluation);

// Over all layers and heads, per token run. Digital attention has no circuits: its total is null,
// not a guess.
struct RunEnergy {
  nlohmann::ordered_json joules = {}, not_counted = {};
  std::optional<nlohmann::ordered_json> items = {};
  std::vector<std::string> warnings = {};
};
RunEnergy energy_per_token(const RunPlan& run, const model::EvaluationReport& evaluation);

// The command line of `gaincell infer`.
void declare(Arguments& app, InferenceOptions& options);

// A text that was read, as the options ask for it, with what settings say of it.
struct InferenceText {
  TextTokens text;
  nlohmann::ordered_json settings;
};
InferenceText read_text(const InferenceOptions& options, model::Tokenizer& tokenizer);

// Throws Error for wrong input.
Inference infer(const InferenceOptions& options);
// Of a run and a text at hand, in place of the options' files.
Inference infer(const InferenceOptions& options, ModelRun& run, const InferenceText& text);
// What infer() would find wrong of the options by themselves, and the run's plan. (Whether cells
// grow too old for the device's tables is found when it runs.)
std::unique_ptr<RunPlan> plan_inference(const InferenceOptions& options, const model::Model& model);

}  // namespace gaincell::cli
