#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "sweep/figures.h"
#include "sweep/plan.h"

namespace gaincell::sweep {

struct RunResult {
  bool ok = false;
  std::string reason{};  // where not ok
  Figures values{};      // NaN: not known
};

// study.h5 in memory.
struct StudyResults {
  std::filesystem::path path;
  std::string program_version;
  StudyPlan plan;
  std::vector<RunResult> runs;  // point by point, seed by seed

  std::size_t failed() const;
  double value(std::size_t point, std::size_t seed, std::size_t figure) const;
};

// Equal content, equal bytes. The file appears whole or not at all.
void write_results(const std::filesystem::path& path, const StudyPlan& plan,
                   std::span<const RunResult> runs);
// Throws Error for a file that is no study, or damaged.
StudyResults read_results(const std::filesystem::path& path);

}  // namespace gaincell::sweep
