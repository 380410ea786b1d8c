#pragma once

#include <span>
#include <string>
#include <vector>

#include "scores/json_lines.h"
#include "scores/requests.h"
#include "scores/statistics.h"

namespace gaincell::scores {

// A question: one request to be continued, or several of which one is right.
struct Item {
  std::vector<Request> choices;
  int right = 0;  // among the choices
  // By which a choice's log-likelihood is divided for the normalised accuracy: the bytes of its
  // text, which the field's harnesses count in characters.
  std::vector<double> lengths;
};

enum class TaskKind {
  kContinuation,  // LAMBADA: is the continuation greedy, and how likely is it
  kChoice,        // is the likeliest choice the right one
};

struct Task {
  std::string name;
  TaskKind kind = TaskKind::kChoice;
  bool has_normalised = true;  // lengths of the choices mean something
  std::vector<Item> items;
  std::string labels = {};  // the file that its answers came from, where it is one of their own
};

// Names of the tasks that are read here.
std::vector<std::string> task_names();

// The public file of a task as it comes, and PIQA's labels (empty = FILE with `-labels.lst` in
// place of `.jsonl`). Prompts are those of the field's common harness. `limit`: only the first so
// many items; 0 = all. Error with file, line and key.
//   lambada (Paperno et al. 2016, OpenAI's file): text, cut at its last blank
//   piqa (Bisk et al. 2020), hellaswag (Zellers et al. 2019), arc_easy and arc_challenge (Clark et
//   al. 2018), winogrande (Sakaguchi et al. 2020)
Task read_task(const std::string& name, const std::string& path, const std::string& labels,
               int limit);

// Error where what is given as a text, or as the first of requests, is a task's file.
void require_text(const std::string& text, const std::string& path);
void require_requests(const JsonLine& first);

std::vector<Request> requests_of(const Task& task);

// What the answers to a task's requests, in order, come to.
struct ItemScore {
  bool right = false, right_norm = false;  // right_norm: where the task has_normalised
  double nats = 0;                         // of kContinuation: -log likelihood of it
};
struct TaskScore {
  Share accuracy = {}, accuracy_norm = {};
  Mean nats = {};  // of kContinuation, by item; its perplexity is exp of that
  std::vector<ItemScore> items = {};
};
TaskScore score(const Task& task, std::span<const Answer> answers);

}  // namespace gaincell::scores
