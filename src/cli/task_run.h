#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/inference.h"
#include "cli/model_run.h"
#include "cli/run_journal.h"
#include "scores/tasks.h"

namespace gaincell::cli {

// A task of the field, or requests of an evaluation harness, through a model.
struct TaskRunOptions {
  ModelRunOptions run;
  std::string task, data, labels;  // of a task
  std::string requests;            // in place of these: a file of requests
  std::optional<int> limit;        // only the first so many items, requests, or tokens of wikitext2
  bool special_tokens = false;     // those written out in the texts are themselves
  bool each = false;               // figures of each item, or token, as well
  // Where the answer will stand: beside it a journal is kept, from which an interrupted run goes
  // on. Empty: none.
  std::string output = {};
  bool fresh = false;          // not from a journal that is there
  double journal_every_s = 5;  // between two records
  std::function<void(double share)> progress = {};
};

// The names that --task takes: scores::task_names(), and wikitext2, which is a text.
std::vector<std::string> tasks_known();

struct TaskRun {
  // What the task has: accuracy, accuracy_norm, perplexity, items ..
  nlohmann::ordered_json figures;
  nlohmann::ordered_json answers;  // of requests, in their order: log_likelihood, greedy, tokens
  RunEnergy energy;
  std::optional<RangeNotes> ranges;  // none where the attention has no ranges
  nlohmann::ordered_json settings;
  std::vector<std::string> warnings;
  std::unique_ptr<RunJournal> journal;  // to be removed when the output stands; null without one

  nlohmann::ordered_json to_json() const;
  std::string brief() const;         // some lines for people
  std::string answer_lines() const;  // a JSON object a request
};

// The command line of `gaincell eval`, but for where its answer goes.
void declare(Arguments& app, TaskRunOptions& options);
// Error where a task's file is none of that task.
void require_task_file(const TaskRunOptions& options);

// Throws Error for wrong input, and characterize::Interrupted.
TaskRun run_task(const TaskRunOptions& options);
// Of a run at hand, in place of the options' model.
TaskRun run_task(const TaskRunOptions& options, ModelRun& run);

}  // namespace gaincell::cli
