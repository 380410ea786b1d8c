#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "cli/arguments.h"

namespace gaincell::cli {

// Runs a verb whose options have been parsed; the value is the exit code (0 done; 1 ran, and what
// it checked does not hold, such as a missed limit). Wrong input is thrown as gaincell::Error: main
// prints it and exits with 2.
using Run = std::function<int()>;

// A verb: `declare` adds its options to `app` and returns what runs it. Options live in a
// shared_ptr that the returned function holds, since they are filled after `declare` has returned:
//
//   Run cmd_show(Arguments& app) {
//     auto options = std::make_shared<Options>();
//     app.add_option("file", options->file, "device or samples file").required();
//     app.add_flag("--json", options->json, "as JSON");
//     return [options] { return show(*options); };
//   }
struct Command {
  std::string_view name;
  std::string_view help;  // one line; shown by `gaincell --help` and atop `gaincell <verb> --help`
  Run (*declare)(Arguments& app);
};

// All verbs, in the order of the pipeline. A new verb is verbs/<verb>.cpp, a declaration and a row.
std::span<const Command> commands();

// One a file, cmd_<verb>.cpp.
Run cmd_columns(Arguments& app);
Run cmd_attend(Arguments& app);
Run cmd_audit(Arguments& app);
Run cmd_import(Arguments& app);
Run cmd_adapt(Arguments& app);
Run cmd_convert(Arguments& app);
Run cmd_characterize(Arguments& app);
Run cmd_check(Arguments& app);
Run cmd_compile(Arguments& app);
Run cmd_datasheet(Arguments& app);
Run cmd_device(Arguments& app);
Run cmd_diff(Arguments& app);
Run cmd_doc(Arguments& app);
Run cmd_eval(Arguments& app);
Run cmd_export(Arguments& app);
Run cmd_generate(Arguments& app);
Run cmd_get(Arguments& app);
Run cmd_report(Arguments& app);
Run cmd_infer(Arguments& app);
Run cmd_liberty(Arguments& app);
Run cmd_merge(Arguments& app);
Run cmd_new(Arguments& app);
Run cmd_plot(Arguments& app);
Run cmd_replay(Arguments& app);
Run cmd_seal(Arguments& app);
Run cmd_show(Arguments& app);
Run cmd_sweep(Arguments& app);
Run cmd_train(Arguments& app);
Run cmd_verify(Arguments& app);

}  // namespace gaincell::cli
