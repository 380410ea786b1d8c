#include "model/merges.h"

#include <fmt/format.h>

#include <queue>
#include <tuple>

#include "base/error.h"

namespace gaincell::model {

Merges::Merges(const Vocabulary& vocabulary, std::string_view merges, const std::string& place) {
  int line_number = 0;
  while (!merges.empty()) {
    const std::size_t feed = merges.find('\n');
    std::string_view line = merges.substr(0, feed);
    merges.remove_prefix(feed == std::string_view::npos ? merges.size() : feed + 1);
    ++line_number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || (line_number == 1 && line.starts_with("#version"))) continue;
    const std::size_t space = line.find(' ');
    const std::string left(line.substr(0, space));
    const std::string right(space == std::string_view::npos ? "" : line.substr(space + 1));
    const auto id = [&](const std::string& token) {
      const auto found = vocabulary.find(token);
      return token.empty() || found == vocabulary.end() ? -1 : found->second;
    };
    const int left_id = id(left), right_id = id(right), whole_id = id(left + right);
    if (left_id < 0 || right_id < 0 || whole_id < 0) {
      throw Error({.place = fmt::format("{}:{}", place, line_number),
                   .value = std::string(line),
                   .rule = "a merge joins two tokens of the vocabulary into a third",
                   .remedy = "use the merges that belong to the vocabulary"});
    }
    // The first rank of a repeated pair holds.
    merges_.emplace(pair_key(left_id, right_id), Merge{static_cast<int>(merges_.size()), whole_id});
  }
}

std::vector<int> Merges::apply(const std::vector<int>& start) const {
  struct Symbol {
    int id, previous, next;  // id -1: merged into its left neighbour, or no token
  };
  const int n = static_cast<int>(start.size());
  std::vector<Symbol> symbols(start.size());
  for (int i = 0; i < n; ++i) {
    symbols[i] = {start[i], i - 1, i + 1 < n ? i + 1 : -1};
  }
  struct Candidate {
    int rank, left, left_id, right_id, id;
    bool operator>(const Candidate& other) const {
      return std::tie(rank, left) > std::tie(other.rank, other.left);
    }
  };
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> heap;
  const auto consider = [&](int left) {
    if (left < 0 || symbols[left].next < 0) return;
    const int left_id = symbols[left].id, right_id = symbols[symbols[left].next].id;
    if (left_id < 0 || right_id < 0) return;
    const auto found = merges_.find(pair_key(left_id, right_id));
    if (found != merges_.end())
      heap.push({found->second.rank, left, left_id, right_id, found->second.id});
  };
  for (int i = 0; i + 1 < n; ++i) consider(i);

  std::vector<int> merged;
  while (!heap.empty()) {
    const int rank = heap.top().rank;
    merged.clear();
    // New neighbours wait until all places of this pair are done, as in the published procedure.
    while (!heap.empty() && heap.top().rank == rank) {
      const Candidate c = heap.top();
      heap.pop();
      Symbol& left = symbols[c.left];
      if (left.id != c.left_id || left.next < 0 || symbols[left.next].id != c.right_id) continue;
      Symbol& right = symbols[left.next];
      left.id = c.id;
      right.id = -1;
      left.next = right.next;
      if (left.next >= 0) symbols[left.next].previous = c.left;
      merged.push_back(c.left);
    }
    for (const int i : merged) {
      consider(symbols[i].previous);
      consider(i);
    }
  }
  std::vector<int> ids;
  for (int i = n > 0 ? 0 : -1; i >= 0; i = symbols[i].next) ids.push_back(symbols[i].id);
  return ids;
}

}  // namespace gaincell::model
