#pragma once

#include <filesystem>
#include <string>
#include <unordered_map>

#include "characterize/job.h"

namespace gaincell::characterize {

// Results on disk as they come, beside the output: append-only, each record with its checksum, so a
// campaign that was killed goes on from here. Records are found by what their job follows from
// (Job::key), so a changed bench runs what changed.
class Journal {
 public:
  // Opens or creates. A torn record at the end is cut off; a journal of another program or
  // simulator version is begun anew. Throws Error where another process has it open, or it cannot
  // be written.
  Journal(const std::filesystem::path& path, const std::string& versions);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  const JobResult* find(const std::string& key) const;
  std::size_t size() const { return known_.size(); }
  // The record is with the operating system when this returns, on the disk after sync(). Throws
  // Error where there is no space; what was added before stays good.
  void add(const std::string& key, const JobResult& result);
  void sync();
  // After the output stands.
  void remove();

 private:
  void read();
  void write(const std::string& bytes);
  std::filesystem::path path_;
  std::string header_;
  int fd_ = -1;
  std::unordered_map<std::string, JobResult> known_;
};

}  // namespace gaincell::characterize
