#include <fmt/format.h>

#include <memory>
#include <string>

#include "characterize/bench/reference.h"
#include "cli/commands.h"

namespace gaincell::cli {

Run cmd_doc(CLI::App& app) {
  auto page = std::make_shared<std::string>();
  app.add_option("page", *page, "which page")->required()->check(CLI::IsMember({"bench"}));
  return [page] {
    fmt::print("{}", characterize::bench_reference());
    return 0;
  };
}

}  // namespace gaincell::cli
