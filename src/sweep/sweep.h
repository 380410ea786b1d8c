#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "characterize/campaign/progress.h"
#include "characterize/results/shard.h"
#include "sweep/figures.h"
#include "sweep/plan.h"

namespace gaincell::sweep {

// A run was broken off by SIGINT or SIGTERM: it is no result.
struct Stopped {};

struct SweepOptions {
  std::filesystem::path output;
  characterize::Shard shard{};  // the output is a shard's file, unless it is the whole
  unsigned jobs = 1;            // runs side by side
  bool resume = true;           // go on from the journal of an interrupted run
  characterize::Progress* progress = nullptr;
  // The figures of a run, on one of `jobs` threads. Throws Error where it fails, and Stopped. To
  // call `tick` now and then shows how far it is.
  std::function<Figures(std::size_t run, const std::function<void()>& tick)> evaluate;
};

struct SweepReport {
  std::string output;
  characterize::Shard shard;
  std::size_t points = 0, runs = 0;  // runs: of this shard
  std::size_t failed = 0, from_journal = 0;
  double seconds = 0;
  struct Failure {
    std::size_t runs = 0;
    std::string first;
  };
  std::map<std::string, Failure> failures;  // by reason
  bool interrupted = false;

  bool ok() const { return !interrupted && failed == 0; }
  std::string brief() const;
  std::string to_json() const;  // the event `end`, one line
};

// A study's runs, to its file or to a shard of it. A run that fails stands there with its reason.
// With the journal of the same study beside the output it goes on from there; of another one it is
// an Error that says what differs.
SweepReport run_study(const StudyPlan& plan, const SweepOptions& options);

// Whether a file is a shard of a study.
bool is_study_shard(const std::filesystem::path& path);
// All shards of one study, to its file.
SweepReport merge_studies(const std::vector<std::string>& shards,
                          const std::filesystem::path& output);

}  // namespace gaincell::sweep
