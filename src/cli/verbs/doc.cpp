#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "characterize/bench/reference.h"
#include "cli/commands.h"
#include "cli/pages.h"

namespace gaincell::cli {
namespace {

struct Page {
  std::string_view name;
  std::string (*text)();
};
constexpr std::array kPages{
    Page{"bench", characterize::bench_reference}, Page{"man", man_page},
    Page{"bash-completion", bash_completion},     Page{"zsh-completion", zsh_completion},
    Page{"fish-completion", fish_completion},
};

}  // namespace

Run cmd_doc(Arguments& app) {
  auto page = std::make_shared<std::string>();
  std::vector<std::string> names;
  for (const Page& known : kPages) names.emplace_back(known.name);
  app.add_option("page", *page, "which page").required().one_of(names);
  return [page] {
    const auto found =
        std::find_if(kPages.begin(), kPages.end(), [&](const Page& p) { return p.name == *page; });
    fmt::print("{}", found->text());
    return 0;
  };
}

}  // namespace gaincell::cli
