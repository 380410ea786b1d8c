#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gaincell::model {

using Vocabulary = std::unordered_map<std::string, int>;

// Pairs of tokens that become one, best first (Sennrich et al. 2016).
class Merges {
 public:
  Merges() = default;
  // The text of merges.txt: an optional "#version" line, then one "left right" a line. Error where
  // the vocabulary lacks a part or the whole.
  Merges(const Vocabulary& vocabulary, std::string_view text, const std::string& place);

  // By rank: all places of the best pair from left to right, then the next best. A negative id
  // takes no part. n symbols cost n log n.
  std::vector<int> apply(const std::vector<int>& symbols) const;

 private:
  struct Merge {
    int rank;
    int id;
  };
  static std::uint64_t pair_key(int left, int right) {
    return static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
  }

  std::unordered_map<std::uint64_t, Merge> merges_;
};

}  // namespace gaincell::model
