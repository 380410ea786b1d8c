#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <span>
#include <string_view>

namespace gaincell::cli {

// Runs a verb whose options have been parsed; the value is the exit code (0 done; 1 ran, and what
// it checked does not hold, such as a missed limit). Wrong input is thrown as gaincell::Error: main
// prints it and exits with 2.
using Run = std::function<int()>;

// A verb: `declare` adds its options to `app` and returns what runs it. Options live in a
// shared_ptr that the returned function holds, since they are filled after `declare` has returned:
//
//   Run cmd_show(CLI::App& app) {
//     auto options = std::make_shared<Options>();
//     app.add_option("file", options->file, "device or samples file")->required();
//     app.add_flag("--json", options->json, "as JSON");
//     return [options] { return show(*options); };
//   }
struct Command {
  std::string_view name;
  std::string_view help;  // one line; shown by `gaincell --help` and atop `gaincell <verb> --help`
  Run (*declare)(CLI::App& app);
};

// All verbs, in the order of the pipeline. A new verb is verbs/<verb>.cpp, a declaration and a row.
std::span<const Command> commands();

// One a file, cmd_<verb>.cpp.
Run cmd_columns(CLI::App& app);
Run cmd_attend(CLI::App& app);
Run cmd_audit(CLI::App& app);
Run cmd_import(CLI::App& app);
Run cmd_adapt(CLI::App& app);
Run cmd_characterize(CLI::App& app);
Run cmd_check(CLI::App& app);
Run cmd_compile(CLI::App& app);
Run cmd_datasheet(CLI::App& app);
Run cmd_doc(CLI::App& app);
Run cmd_generate(CLI::App& app);
Run cmd_report(CLI::App& app);
Run cmd_infer(CLI::App& app);
Run cmd_merge(CLI::App& app);
Run cmd_new(CLI::App& app);
Run cmd_replay(CLI::App& app);
Run cmd_seal(CLI::App& app);
Run cmd_show(CLI::App& app);
Run cmd_train(CLI::App& app);

}  // namespace gaincell::cli
