#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace gaincell::fuzz {

// A whole input, of which malformed ones are made. The name is its path in the folder of a case.
struct Sample {
  std::string name;
  std::string bytes;
};

// One malformed input in the making or at work.
struct Case {
  const std::vector<Sample>& corpus;
  Random& random;
  const std::filesystem::path& folder;  // holds what `prepare` left, and an empty folder `out`

  const Sample& any_sample() { return corpus[random.below(corpus.size())]; }
  bool one_in(std::uint64_t n) { return random.below(n) == 0; }
};

// What reads one kind of input. Each function runs in the process of its case, save `prepare`.
struct Reader {
  std::string_view name;
  // Makes whole inputs and all that stands around them.
  std::vector<Sample> (*prepare)(const std::filesystem::path& folder);
  // Writes a malformed input into the folder; returns where it is.
  std::filesystem::path (*mutate)(Case& at);
  // Reads it as the program does. Returns the exit code, or throws Error.
  int (*run)(Case& at, const std::filesystem::path& input);
};

// All, in the order of the table that a run ends with.
std::span<const Reader> readers();

// A verb of the program with its arguments.
int run_verb(std::vector<std::string> words);

// Files of the repository with this extension as samples, named by their path below `source`.
std::vector<Sample> read_samples(const std::filesystem::path& source, const std::string& extension);

}  // namespace gaincell::fuzz
