#include "cli/task_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/sha256.h"
#include "base/units.h"
#include "model/tokenizer.h"
#include "scores/requests.h"

namespace gaincell::cli {
namespace {

constexpr const char* kWikitext = "wikitext2";

void check(const TaskRunOptions& o) {
  if (o.task.empty() == o.requests.empty())
    throw Error({.key = o.task.empty() ? "--task" : "--requests",
                 .rule = o.task.empty() ? "is missing" : "has no effect beside --task",
                 .remedy = "give --task NAME --data FILE, or --requests FILE"});
  if (o.task.empty() != o.data.empty())
    throw Error({.key = "--data",
                 .value = o.data,
                 .rule = o.data.empty() ? "is missing: a task has a file"
                                        : "has no effect beside --requests",
                 .remedy = "give --task NAME --data FILE"});
  if (o.limit < 0)
    throw Error({.key = "--limit", .value = std::to_string(o.limit), .rule = "must be at least 1"});
  if (!o.labels.empty() && o.task != "piqa")
    throw Error({.key = "--labels",
                 .value = o.labels,
                 .rule = "has no effect: piqa alone has its answers in a file of their own",
                 .remedy = "leave it out"});
}

std::size_t words_in(std::string_view text) {
  std::size_t words = 0;
  bool inside = false;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    words += !blank && !inside ? 1 : 0;
    inside = !blank;
  }
  return words;
}

// A text by sliding windows: figures by token, word and byte of it.
model::EvaluationReport run_text(const TaskRunOptions& o, ModelRun& run, TaskRun& result) {
  TextInput input{.path = o.data, .format = "wikitext", .encoding = {}};
  auto [tokens, warnings] = read_tokens(input, *run.model.tokenizer, run.settings);
  result.warnings = std::move(warnings);
  if (o.limit > 0 && tokens.size() > static_cast<std::size_t>(o.limit))
    throw Error({.key = "--limit",
                 .value = std::to_string(o.limit),
                 .rule = "wikitext2 is one text, whose words and bytes count whole",
                 .remedy = "leave it out, or use `infer --tokens`"});
  run.require_known_ages(static_cast<std::int64_t>(tokens.size()) - 1);
  const auto report = model::evaluate(*run.transformer, tokens, {.progress = o.progress});
  const std::string text = model::join_wikitext(read_file(o.data));
  const double nats = report.nats_per_token * static_cast<double>(report.tokens);
  const auto words = static_cast<double>(words_in(text)), bytes = static_cast<double>(text.size());
  result.figures = {{"items", 1},
                    {"tokens", report.tokens},
                    {"words", words_in(text)},
                    {"bytes", text.size()},
                    {"nats_per_token", report.nats_per_token},
                    {"perplexity", report.perplexity()},
                    {"word_perplexity", std::exp(nats / words)},
                    {"byte_perplexity", std::exp(nats / bytes)},
                    {"bits_per_byte", nats / bytes / std::log(2.0)}};
  result.settings["stride"] = report.stride;
  return report;
}

void note_data(const std::string& path, nlohmann::ordered_json& settings) {
  settings["data"] = path;
  settings["data_sha256"] = sha256(read_file(path));
}

scores::Answers answers_to(std::span<const scores::Request> requests, const TaskRunOptions& o,
                           ModelRun& run) {
  std::int64_t longest = 0;
  for (const scores::Request& request : requests)
    longest = std::max(longest, static_cast<std::int64_t>(
                                    scores::tokens_of(request, *run.model.tokenizer).all.size()));
  run.require_known_ages(longest - 1);
  return scores::answer(requests, *run.model.tokenizer, *run.transformer, o.progress);
}

void note_cut(const scores::Answers& answers, TaskRun& result) {
  const auto cut = std::count_if(answers.each.begin(), answers.each.end(),
                                 [](const scores::Answer& one) { return one.cut; });
  if (cut > 0)
    result.warnings.push_back(
        fmt::format("{} of {} requests are longer than the model's positions; their contexts lost "
                    "their beginning",
                    cut, answers.each.size()));
}

model::EvaluationReport run_requests(const TaskRunOptions& o, ModelRun& run, TaskRun& result) {
  note_data(o.requests, run.settings);
  std::vector<scores::Request> requests = scores::read_requests(o.requests);
  if (o.limit > 0 && requests.size() > static_cast<std::size_t>(o.limit))
    requests.resize(static_cast<std::size_t>(o.limit));
  const scores::Answers answers = answers_to(requests, o, run);
  note_cut(answers, result);
  result.answers = nlohmann::ordered_json::array();
  for (const scores::Answer& one : answers.each)
    result.answers.push_back(
        {{"log_likelihood", one.log_likelihood}, {"greedy", one.greedy}, {"tokens", one.tokens}});
  result.figures = {{"items", requests.size()}};
  return answers.run;
}

model::EvaluationReport run_items(const TaskRunOptions& o, ModelRun& run, TaskRun& result) {
  note_data(o.data, run.settings);
  const scores::Task task = scores::read_task(o.task, o.data, o.labels, o.limit);
  const scores::Answers answers = answers_to(scores::requests_of(task), o, run);
  note_cut(answers, result);
  const scores::TaskScore score = scores::score(task, answers.each);
  result.figures = {{"items", score.items},
                    {"accuracy", score.accuracy},
                    {"accuracy_standard_error", score.accuracy_error}};
  if (task.kind == scores::TaskKind::kContinuation) {
    result.figures["perplexity"] = score.perplexity;
  } else if (task.has_normalised) {
    result.figures["accuracy_norm"] = score.accuracy_norm;
    result.figures["accuracy_norm_standard_error"] = score.accuracy_norm_error;
  }
  result.figures["tokens"] = answers.run.tokens;
  result.figures["nats_per_token"] = answers.run.nats_per_token;
  return answers.run;
}

}  // namespace

std::vector<std::string> tasks_known() {
  std::vector<std::string> names = scores::task_names();
  names.emplace_back(kWikitext);
  return names;
}

nlohmann::ordered_json TaskRun::to_json() const {
  nlohmann::ordered_json all = figures;
  if (!answers.is_null()) all["answers"] = answers;
  all["energy_j_per_token"] = energy.joules;
  all["energy_not_counted"] = energy.not_counted;
  all["ranges"] = ranges ? ranges->to_json() : nlohmann::ordered_json();
  all["settings"] = settings;
  return all;
}

std::string TaskRun::brief() const {
  std::string lines;
  const auto line = [&](const std::string& name, const std::string& value) {
    lines += fmt::format("{:<24} {}\n", name, value);
  };
  line("model", settings.at("model").get<std::string>());
  if (settings.contains("device")) line("device", settings.at("device").get<std::string>());
  line("attention", settings.at("attention").get<std::string>());
  for (const char* key : {"accuracy", "accuracy_norm"}) {
    if (!figures.contains(key)) continue;
    const double share = figures.at(key).get<double>(),
                 error = figures.at(std::string(key) + "_standard_error").get<double>();
    line(key, fmt::format("{:.2f} % +- {:.2f}", 100 * share, 100 * error));
  }
  for (const char* key : {"perplexity", "word_perplexity", "byte_perplexity", "nats_per_token"})
    if (figures.contains(key)) line(key, fmt::format("{:.4f}", figures.at(key).get<double>()));
  line("items", fmt::format("{}", figures.at("items").get<std::size_t>()));
  if (const auto& total = energy.joules.at("total"); !total.is_null())
    line("energy per token", format_si(total.get<double>(), "J"));
  if (answers.is_null()) return lines;
  lines += "\nlog-likelihood  greedy  tokens\n";
  for (const auto& one : answers)
    lines += fmt::format("{:>14.4f}  {:<6}  {}\n", one.at("log_likelihood").get<double>(),
                         one.at("greedy").get<bool>() ? "yes" : "no", one.at("tokens").get<int>());
  return lines;
}

TaskRun run_task(const TaskRunOptions& o) {
  check(o);
  ModelRun run(o.run);
  TaskRun result;
  const model::EvaluationReport report = o.task == kWikitext ? run_text(o, run, result)
                                         : o.task.empty()    ? run_requests(o, run, result)
                                                             : run_items(o, run, result);
  result.energy = energy_per_token(run, report);
  for (const std::string& line : result.energy.warnings) result.warnings.push_back(line);
  nlohmann::ordered_json settings = run.settings;
  if (!result.settings.is_null()) settings.update(result.settings);
  if (!o.task.empty()) settings["task"] = o.task;
  if (o.limit > 0) settings["limit"] = o.limit;
  if (result.energy.items) settings["energy_items"] = *result.energy.items;
  settings["tokens_run"] = report.tokens_run;
  result.settings = std::move(settings);
  if (run.choice.kind != model::AttentionKind::kSoftmax) {
    result.ranges = run.range_notes();
    for (std::string& line : result.ranges->unusual()) result.warnings.push_back(std::move(line));
  }
  return result;
}

}  // namespace gaincell::cli
