#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace gaincell::train {

// A text as character ids. The vocabulary is its distinct characters (Unicode code points) in
// order.
struct Corpus {
  std::map<std::string, std::int64_t> vocabulary;
  std::vector<std::int64_t> training, held_out;
  std::string sha256;  // of the training file's bytes followed by the held-out file's
};

// Held out: `held_out`, or where that is empty the last 10 % of `text`. Throws Error where a file
// cannot be read or is not in its encoding (see decode_text).
Corpus read_corpus(const std::filesystem::path& text, const std::filesystem::path& held_out,
                   const std::string& encoding = {});

}  // namespace gaincell::train
