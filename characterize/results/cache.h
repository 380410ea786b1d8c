#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "characterize/job/job.h"

namespace gaincell::characterize {

// Results of earlier campaigns, found by what they follow from: deck with models and options,
// measurements (Job::key), program and simulator. One small file a result, with a checksum, under
// its hash: any number of programs may use a folder at once, and it may be deleted at any time. It
// is an aid: where it cannot be written the campaign goes on without it.
class ResultCache {
 public:
  // `identity`: program and simulator. An empty folder is no cache.
  ResultCache(std::filesystem::path folder, std::string identity);

  // A damaged entry counts as none, and is written anew by the next add().
  std::optional<JobResult> find(const std::string& key);
  // Keeps results that follow from the key alone; one that a limit or a crash made does not.
  void add(const std::string& key, const JobResult& result);

  std::size_t damaged() const { return damaged_; }
  const std::string& complaint() const { return complaint_; }  // why it is not used; "" = it is

 private:
  std::filesystem::path path_of(const std::string& key) const;
  void give_up(const std::filesystem::path& path, int error);
  std::filesystem::path folder_;
  std::string identity_;
  bool usable_ = false;
  std::size_t damaged_ = 0;
  std::string complaint_;
};

// $XDG_CACHE_HOME/gaincell, or ~/.cache/gaincell; empty where there is neither.
std::filesystem::path default_cache_folder();

}  // namespace gaincell::characterize
