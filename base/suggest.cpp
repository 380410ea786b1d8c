#include "base/suggest.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace gaincell {
namespace {

// Optimal string alignment: Levenshtein plus the swap of two neighbours.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (same ? 0u : 1u)});
      const bool swapped = i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                           lower(a[i - 2]) == lower(b[j - 1]);
      if (swapped) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

std::string suggest(std::string_view name, std::span<const std::string> candidates) {
  // What is longer was not mistyped, and comparing it would take long.
  constexpr std::size_t kMaxName = 200;
  if (name.size() > kMaxName) return {};
  const std::string* best = nullptr;
  std::size_t best_distance = 0;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kMaxName) continue;
    const std::size_t here = distance(name, candidate);
    const std::size_t allowed =
        std::max<std::size_t>(1, std::max(name.size(), candidate.size()) / 3);
    // Names that share nothing are no slips of one another.
    if (here > allowed || here >= std::max(name.size(), candidate.size())) continue;
    if (best == nullptr || here < best_distance) {
      best = &candidate;
      best_distance = here;
    }
  }
  return best == nullptr ? std::string() : *best;
}

std::string suggest_remedy(std::string_view name, std::span<const std::string> candidates) {
  const std::string near = suggest(name, candidates);
  if (!near.empty()) return fmt::format("did you mean `{}`?", near);
  if (candidates.empty()) return "";
  return fmt::format("use one of {}", fmt::join(candidates, ", "));
}

}  // namespace gaincell
