#include <fmt/format.h>

#include <memory>
#include <string>

#include "characterize/bench/skeleton.h"
#include "cli/commands.h"
#include "cli/say.h"

namespace gaincell::cli {
namespace {

struct NewOptions {
  std::string what;
  std::string folder;
};

int run(const NewOptions& options) {
  for (const auto& file : characterize::write_cell_skeleton(options.folder))
    say("wrote {}\n", file.string());
  return 0;
}

}  // namespace

Run cmd_new(Arguments& app) {
  auto options = std::make_shared<NewOptions>();
  app.add_option("what", options->what, "what to begin").required().one_of({"cell"});
  app.add_option("name", options->folder, "folder to make; its last part names the circuit")
      .required();
  return [options] { return run(*options); };
}

}  // namespace gaincell::cli
