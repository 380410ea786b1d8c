#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "characterize/campaign/campaign.h"
#include "liberty/tables.h"

namespace gaincell::liberty {

struct LibertyOptions {
  std::string library;          // library.yaml
  std::vector<std::string> at;  // conditions in place of its own
  std::filesystem::path output;
  characterize::PoolOptions pool;
  std::filesystem::path cache;  // empty = none
  characterize::Progress* progress = nullptr;
};

struct LibertyReport {
  Conditions conditions;
  std::size_t cells = 0, arcs = 0;
  std::size_t simulations = 0, failed = 0, from_cache = 0, from_journal = 0;
  TableErrors errors;
  std::filesystem::path samples, benches;  // beside the output
  std::vector<std::string> reasons;        // why nothing was written
  bool written = false;
  bool interrupted = false;  // the same command goes on
};

// Characterizes all cells of a library and writes them as a Liberty file: whole, or not at all
// where anything could not be measured. Throws Error for wrong input, before the first simulation.
LibertyReport make_liberty(const LibertyOptions& options);

}  // namespace gaincell::liberty
