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
#include "base/utf8.h"
#include "model/tokenizer.h"
#include "scores/requests.h"
#include "scores/statistics.h"

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
  const int least = o.task == kWikitext ? 2 : 1;  // the first token of a text is not scored
  if (o.limit && *o.limit < least)
    throw Error({.key = "--limit",
                 .value = std::to_string(*o.limit),
                 .rule = fmt::format("must be at least {}", least),
                 .remedy = "leave it out for the whole file"});
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

nlohmann::ordered_json pair(const scores::Interval& interval) {
  return {number_or_null(interval.low), number_or_null(interval.high)};
}

void put(nlohmann::ordered_json& figures, const std::string& key, const scores::Share& share) {
  figures[key] = share.value();
  figures[key + "_interval"] = pair(share.interval());
  figures[key + "_standard_error"] = number_or_null(share.standard_error());
}

// exp of a mean of nats, which is by so many of what the perplexity is by.
void put_perplexity(nlohmann::ordered_json& figures, const std::string& key,
                    const scores::Mean& nats, double of_one = 1) {
  const scores::Interval interval = nats.interval();
  figures[key] = std::exp(nats.value * of_one);
  figures[key + "_interval"] =
      pair({std::exp(interval.low * of_one), std::exp(interval.high * of_one)});
}

// Settings that figures follow from. Files are told by their hashes, and threads change nothing.
nlohmann::ordered_json identity_of(const TaskRunOptions& o, const ModelRun& run) {
  nlohmann::ordered_json identity = run.settings;
  for (const char* key : {"threads", "model", "device", "text", "data", "labels", "warnings"})
    identity.erase(key);
  identity["task"] = o.task.empty() ? "requests" : o.task;
  identity["limit"] = o.limit ? nlohmann::ordered_json(*o.limit) : nlohmann::ordered_json();
  identity["special_tokens"] = o.special_tokens;
  return identity;
}

// When the run's settings are complete, and before it begins.
void keep_journal(const TaskRunOptions& o, const ModelRun& run, TaskRun& result) {
  if (!o.output.empty())
    result.journal =
        std::make_unique<RunJournal>(o.output, identity_of(o, run), o.fresh, o.journal_every_s);
}

std::function<void(double)> progress_of(const TaskRunOptions& o, const TaskRun& result) {
  return [&o, journal = result.journal.get()](double share) {
    if (o.progress) o.progress(share);
    if (journal != nullptr && share < 1) journal->require_going_on();
  };
}

// A text by sliding windows: figures by token, word and byte of it.
model::EvaluationReport run_text(const TaskRunOptions& o, ModelRun& run, TaskRun& result) {
  const std::string raw = decode_text(read_file(o.data), o.data).text;
  scores::require_text(raw, o.data);
  const TextInput input{
      .path = o.data, .format = "wikitext", .special_tokens = o.special_tokens, .encoding = {}};
  auto [tokens, warnings] = read_tokens(input, *run.model.tokenizer, run.settings);
  result.warnings = std::move(warnings);
  std::string text = model::join_wikitext(raw);
  if (o.limit && tokens.size() > static_cast<std::size_t>(*o.limit)) {
    tokens.resize(static_cast<std::size_t>(*o.limit));
    text = run.model.tokenizer->decode(tokens);
  }
  run.require_known_ages(static_cast<std::int64_t>(tokens.size()) - 1);
  warn_of_short_text(tokens.size(), run.choice.window, result.warnings);
  keep_journal(o, run, result);
  model::EvaluationReport report =
      model::evaluate(*run.transformer, tokens,
                      {.store = result.journal.get(), .progress = progress_of(o, result)});
  const scores::Mean nats = scores::mean_of_blocks(report.nats, scores::kTokensOfBlock);
  const std::size_t words = words_in(text), bytes = text.size();
  const auto scored = static_cast<double>(report.tokens);
  nlohmann::ordered_json& figures = result.figures;
  figures = {{"items", 1}, {"tokens", report.tokens}, {"words", words}, {"bytes", bytes}};
  figures["nats_per_token"] = report.nats_per_token;
  figures["nats_per_token_standard_error"] = number_or_null(nats.standard_error);
  put_perplexity(figures, "perplexity", nats);
  put_perplexity(figures, "word_perplexity", nats, scored / static_cast<double>(words));
  put_perplexity(figures, "byte_perplexity", nats, scored / static_cast<double>(bytes));
  figures["bits_per_byte"] = nats.value * scored / static_cast<double>(bytes) / std::log(2.0);
  if (o.each) figures["each"] = {{"nats", report.nats}};
  result.settings["stride"] = report.stride;
  return report;
}

void note_data(const std::string& path, nlohmann::ordered_json& settings) {
  settings["data"] = path;
  settings["data_sha256"] = sha256(read_file(path));
}

scores::Answers answers_to(std::span<const scores::Request> requests, const TaskRunOptions& o,
                           ModelRun& run, TaskRun& result) {
  model::Tokenizer& tokenizer = *run.model.tokenizer;
  if (o.special_tokens) tokenizer.take_special_tokens();
  keep_journal(o, run, result);
  scores::Answers answers =
      scores::answer(requests, tokenizer, *run.transformer,
                     {.progress = progress_of(o, result),
                      .longest = [&](std::int64_t tokens) { run.require_known_ages(tokens); },
                      .store = result.journal.get()});
  const auto cut = std::count_if(answers.each.begin(), answers.each.end(),
                                 [](const auto& one) { return one.cut; });
  result.figures["requests_cut"] = cut;
  const auto share = static_cast<double>(cut) / static_cast<double>(requests.size());
  if (cut > 0)
    result.warnings.push_back(
        fmt::format("{} of {} requests ({:.3g} %) are longer than the model's positions; their "
                    "contexts lost their beginning",
                    cut, requests.size(), 100 * share));
  if (tokenizer.unknown_bytes() > 0)
    result.warnings.push_back(
        fmt::format("{} bytes of the requests are not in the vocabulary, and were taken as its "
                    "unknown token",
                    tokenizer.unknown_bytes()));
  return answers;
}

nlohmann::ordered_json to_json(const scores::Answer& one, bool each) {
  nlohmann::ordered_json json{
      {"log_likelihood", one.log_likelihood}, {"greedy", one.greedy}, {"tokens", one.tokens}};
  if (one.cut) json["cut"] = true;
  if (each) json["token_log_likelihoods"] = one.each;
  return json;
}

model::EvaluationReport run_requests(const TaskRunOptions& o, ModelRun& run, TaskRun& result) {
  note_data(o.requests, run.settings);
  std::vector<scores::Request> requests = scores::read_requests(o.requests);
  if (o.limit && requests.size() > static_cast<std::size_t>(*o.limit))
    requests.resize(static_cast<std::size_t>(*o.limit));
  result.figures = {{"items", requests.size()}};
  scores::Answers answers = answers_to(requests, o, run, result);
  result.answers = nlohmann::ordered_json::array();
  for (const scores::Answer& one : answers.each) result.answers.push_back(to_json(one, o.each));
  return std::move(answers.run);
}

nlohmann::ordered_json each_of(const scores::Task& task, const scores::TaskScore& score,
                               std::span<const scores::Answer> answers) {
  auto all = nlohmann::ordered_json::array();
  for (std::size_t k = 0; k < task.items.size(); ++k) {
    nlohmann::ordered_json item{{"right", score.items[k].right}};
    if (task.has_normalised) item["right_norm"] = score.items[k].right_norm;
    for (const auto& one : answers.first(task.items[k].choices.size()))
      item["log_likelihoods"].push_back(one.log_likelihood);
    answers = answers.subspan(task.items[k].choices.size());
    all.push_back(std::move(item));
  }
  return all;
}

model::EvaluationReport run_items(const TaskRunOptions& o, ModelRun& run, TaskRun& result) {
  note_data(o.data, run.settings);
  const scores::Task task = scores::read_task(o.task, o.data, o.labels, o.limit.value_or(0));
  if (!task.labels.empty()) {
    run.settings["labels"] = task.labels;
    run.settings["labels_sha256"] = sha256(read_file(task.labels));
  }
  nlohmann::ordered_json& figures = result.figures;
  figures = {{"items", task.items.size()}};
  scores::Answers answers = answers_to(scores::requests_of(task), o, run, result);
  const scores::TaskScore score = scores::score(task, answers.each);
  put(figures, "accuracy", score.accuracy);
  if (task.has_normalised) put(figures, "accuracy_norm", score.accuracy_norm);
  if (task.kind == scores::TaskKind::kContinuation)
    put_perplexity(figures, "perplexity", score.nats);
  figures["tokens"] = answers.run.tokens;
  figures["nats_per_token"] = answers.run.nats_per_token;
  if (o.each) figures["each"] = each_of(task, score, answers.each);
  return std::move(answers.run);
}

std::string interval_text(const nlohmann::ordered_json& figures, const std::string& key,
                          double scale, const char* form) {
  const auto& interval = figures.at(key + "_interval");
  if (interval[0].is_null()) return {};
  const auto end = [&](int k) {
    return fmt::format(fmt::runtime(form), scale * interval[k].get<double>());
  };
  return fmt::format(" ({} to {})", end(0), end(1));
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
  const auto add = [&](const char* key, double scale, const char* form, const char* unit) {
    if (!figures.contains(key)) return;
    const auto value = fmt::format(fmt::runtime(form), scale * figures.at(key).get<double>());
    line(key, value + unit + interval_text(figures, key, scale, form));
  };
  line("model", settings.at("model").get<std::string>());
  if (settings.contains("device")) line("device", settings.at("device").get<std::string>());
  line("attention", fmt::format("{}, window {}", settings.at("attention").get<std::string>(),
                                settings.at("window").get<int>()));
  line("task", fmt::format("{}, {} items", settings.at("task").get<std::string>(),
                           figures.at("items").get<std::size_t>()));
  for (const char* key : {"accuracy", "accuracy_norm"}) add(key, 100, "{:.2f}", " %");
  for (const char* key : {"perplexity", "word_perplexity", "byte_perplexity"})
    add(key, 1, "{:.5g}", "");
  line("nats per token", fmt::format("{:.4f}", figures.at("nats_per_token").get<double>()));
  if (const auto& total = energy.joules.at("total"); !total.is_null())
    line("energy per token", format_si(total.get<double>(), "J"));
  return lines + "In brackets: 95 % intervals.\n";
}

std::string TaskRun::answer_lines() const {
  std::string lines;
  for (const auto& one : answers) lines += json_text(one) + "\n";
  return lines;
}

void declare(Arguments& app, TaskRunOptions& o) {
  declare(app, o.run);
  app.add_option("--task", o.task, "task, whose public file --data is").one_of(tasks_known());
  app.add_option("--data", o.data, "the task's public file, as it comes");
  app.add_option("--labels", o.labels,
                 "PIQA's labels (default: FILE-labels.lst beside FILE.jsonl)");
  app.add_option("--requests", o.requests,
                 "in place of a task: JSON objects with context and continuation, one a line; a "
                 "line of JSON each is printed");
  app.add_option("--limit", o.limit,
                 "only the first so many items or requests; of wikitext2, tokens");
  app.add_flag("--special-tokens", o.special_tokens,
               "take special and added tokens that are written out as themselves");
  app.add_flag("--each", o.each,
               "figures of each item as well; of requests and wikitext2, of each token");
}

void require_task_file(const TaskRunOptions& o) {
  check(o);
  if (o.task != kWikitext) (void)scores::read_task(o.task, o.data, o.labels, o.limit.value_or(0));
}

TaskRun run_task(const TaskRunOptions& o) {
  check(o);
  ModelRun run(o.run);
  return run_task(o, run);
}

TaskRun run_task(const TaskRunOptions& o, ModelRun& run) {
  check(o);
  TaskRun result;
  const model::EvaluationReport report = o.task == kWikitext ? run_text(o, run, result)
                                         : o.task.empty()    ? run_requests(o, run, result)
                                                             : run_items(o, run, result);
  result.energy = energy_per_token(run, report);
  for (const std::string& line : result.energy.warnings) result.warnings.push_back(line);
  nlohmann::ordered_json settings = run.settings;
  if (!result.settings.is_null()) settings.update(result.settings);
  if (!o.task.empty()) settings["task"] = o.task;
  if (o.limit) settings["limit"] = *o.limit;
  if (o.special_tokens) settings["text_special_tokens"] = true;
  settings["intervals"] =
      o.task == kWikitext
          ? fmt::format("95 %, normal, of the mean nats; blocks of {} tokens",
                        scores::kTokensOfBlock)
          : "95 %; Wilson's of accuracies; of perplexity normal, of the mean nats of items";
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
