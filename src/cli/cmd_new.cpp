#include <fmt/format.h>

#include <memory>
#include <string>

#include "characterize/skeleton.h"
#include "cli/commands.h"
#include "cli/say.h"

namespace gaincell::cli {
namespace {

struct Options {
  std::string what;
  std::string folder;
};

int run(const Options& options) {
  for (const auto& file : characterize::write_cell_skeleton(options.folder))
    say("wrote {}\n", file.string());
  return 0;
}

}  // namespace

Run cmd_new(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("what", options->what, "what to begin")
      ->required()
      ->check(CLI::IsMember({"cell"}));
  app.add_option("name", options->folder, "folder to make; its last part names the circuit")
      ->required();
  return [options] { return run(*options); };
}

}  // namespace gaincell::cli
