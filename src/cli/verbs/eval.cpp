#include <fmt/format.h>

#include <memory>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/progress_bar.h"
#include "cli/say.h"
#include "cli/task_run.h"

namespace gaincell::cli {
namespace {

struct EvalVerb {
  TaskRunOptions task;
  bool json = false;
};

TaskRun run_with_bar(TaskRunOptions options) {
  ProgressBar bar("eval");
  options.progress = [&](double share) { bar.show(share); };
  return run_task(options);
}

int run_eval(const EvalVerb& o) {
  const TaskRun done = run_with_bar(o.task);
  warn(done.warnings);
  if (o.json) {
    fmt::print("{}\n", json_text(done.to_json(), 2));
  } else if (!done.answers.is_null()) {
    fmt::print("{}", done.answer_lines());
  } else {
    say("{}", done.brief());
  }
  return 0;
}

}  // namespace

Run cmd_eval(Arguments& app) {
  auto o = std::make_shared<EvalVerb>();
  declare(app, o->task.run);
  app.add_option("--task", o->task.task, "task, whose public file --data is").one_of(tasks_known());
  app.add_option("--data", o->task.data, "the task's public file, as it comes");
  app.add_option("--labels", o->task.labels,
                 "PIQA's labels (default: FILE-labels.lst beside FILE.jsonl)");
  app.add_option("--requests", o->task.requests,
                 "in place of a task: JSON objects with context and continuation, one a line; a "
                 "line of JSON each is printed");
  app.add_option("--limit", o->task.limit,
                 "only the first so many items or requests; of wikitext2, tokens");
  app.add_flag("--special-tokens", o->task.special_tokens,
               "take special and added tokens that are written out as themselves");
  app.add_flag("--each", o->task.each,
               "figures of each item as well; of requests and wikitext2, of each token");
  app.add_flag("--json", o->json, "all as one JSON object");
  return [o] { return run_eval(*o); };
}

}  // namespace gaincell::cli
