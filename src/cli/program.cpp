#include "cli/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/process.h"
#include "base/suggest.h"
#include "base/version.h"
#include "characterize/campaign/simulation.h"
#include "cli/commands.h"

namespace gaincell::cli {
namespace {

std::string usage() {
  std::string text = fmt::format(
      "gaincell {}: {}\n\n"
      "Usage: gaincell <verb> [options]      gaincell <verb> --help for its options\n\nVerbs:\n",
      kVersion, kPurpose);
  std::size_t width = 0;
  for (const Command& command : commands()) width = std::max(width, command.name.size());
  for (const Command& command : commands())
    text += fmt::format("  {:{}}  {}\n", command.name, width, command.help);
  return text + fmt::format("\nExit codes: {}\n", kExitCodes);
}

const Command& find(const std::string& verb) {
  std::vector<std::string> names;
  for (const Command& command : commands()) {
    if (command.name == verb) return command;
    names.emplace_back(command.name);
  }
  std::string near = suggest(verb, names);
  if (!near.empty()) near = fmt::format("did you mean `{}`?", near);
  throw Error({.place = "gaincell",
               .value = verb,
               .rule = verb.starts_with("-") ? "unknown option" : "unknown verb",
               .remedy = fmt::format("{}{}`gaincell --help` lists the verbs", near,
                                     near.empty() ? "" : " ")});
}

int run_verb(const Command& command, int argc, char** argv) {
  Arguments app(std::string(command.help), fmt::format("gaincell {}", command.name));
  const Run run = command.declare(app);
  if (const auto help = app.parse(argc, argv)) {
    fmt::print("{}", *help);
    return 0;
  }
  try {
    return run();
  } catch (const characterize::Interrupted& stop) {
    tell(fmt::format("gaincell: {}\n", stop.what()));
    return kInterrupted;
  }
}

}  // namespace

int run_program(int argc, char** argv) {
  const std::string first = argc > 1 ? argv[1] : "";
  if (first.empty()) {
    tell(usage());
    return kWrongInput;
  }
  if (first == "--help" || first == "-h" || first == "help") {
    fmt::print("{}", usage());
    return 0;
  }
  if (first == "--version") {
    fmt::print("gaincell {}\n", kVersion);
    return 0;
  }
  return run_verb(find(first), argc - 1, argv + 1);
}

}  // namespace gaincell::cli
