#include <fmt/format.h>

#include <memory>
#include <string>

#include "base/error.h"
#include "base/files.h"
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

// Lines of answers, or one object.
std::string machine_text(const TaskRun& done, bool json) {
  if (!json && !done.answers.is_null()) return done.answer_lines();
  return json_text(done.to_json(), 2) + "\n";
}

void write_output(const TaskRun& done, const EvalVerb& o) {
  write_file(o.task.output, machine_text(done, o.json));
  if (const std::string line = done.journal->note(); !line.empty()) note("{}\n", line);
  done.journal->remove();
  if (!done.answers.is_null() || o.json)
    say("wrote {}\n", o.task.output);
  else
    say("{}wrote {}\n", done.brief(), o.task.output);
}

int run_eval(const EvalVerb& o) {
  if (!o.task.output.empty()) {
    require_output(o.task.output);
  } else if (o.task.fresh) {
    throw Error({.key = "--fresh",
                 .rule = "has no effect without -o: there is no journal then",
                 .remedy = "leave it out"});
  }
  const TaskRun done = run_with_bar(o.task);
  warn(done.warnings);
  if (!o.task.output.empty())
    write_output(done, o);
  else if (o.json || !done.answers.is_null())
    fmt::print("{}", machine_text(done, o.json));
  else
    say("{}", done.brief());
  return 0;
}

}  // namespace

Run cmd_eval(Arguments& app) {
  auto o = std::make_shared<EvalVerb>();
  declare(app, o->task);
  app.add_option("-o,--output", o->task.output,
                 "file for the answers' lines, or the JSON object; an interrupted run goes on from "
                 "a journal beside it");
  app.add_flag("--fresh", o->task.fresh, "do not go on from the journal of an interrupted run");
  app.add_flag("--json", o->json, "all as one JSON object");
  return [o] { return run_eval(*o); };
}

}  // namespace gaincell::cli
