#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "reader.h"

namespace gaincell::fuzz {

// What a case may take of the machine, by build: a sanitizer slows and fattens what it watches.
struct Limits {
  double processor_s;
  double wall_s;  // for what sleeps; a crowded machine must not reach it
  std::size_t memory_growth_bytes;
};
Limits limits_of_build();
// "address and undefined behaviour", or "none".
std::string sanitizers_of_build();

struct RunOptions {
  std::uint64_t seed = 1;
  std::size_t cases = 300;                    // a reader
  std::optional<std::size_t> only;            // this case alone; its input is kept
  unsigned jobs = 1;                          // cases at a time
  std::filesystem::path kept = "fuzz_found";  // where inputs of failed cases go
};

struct ReaderReport {
  std::string name;
  std::size_t cases = 0;
  std::size_t accepted = 0;  // exit 0: the mutation left something that is right
  std::size_t refused = 0;   // exit 1 or 2
  std::size_t failed = 0;
  double slowest_s = 0;  // of processor time
  std::size_t largest_growth_bytes = 0;
};

// Runs the cases of one reader, each in a process of its own. `failed` hears of every case that
// ended otherwise than it must: the words that repeat it, and what is wrong.
ReaderReport run_cases(
    const Reader& reader, const RunOptions& options,
    const std::function<void(const std::string& repeat, const std::string& wrong)>& failed);

}  // namespace gaincell::fuzz
