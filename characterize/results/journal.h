#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "characterize/job/job.h"

namespace gaincell::characterize {

using KnownResults = std::unordered_map<std::string, JobResult>;  // by Job::key

// Results on disk as they come, beside the output: append-only, each record with its checksum, so a
// campaign that was killed goes on from here. Records are found by what their job follows from
// (Job::key), so a changed bench runs what changed.
class Journal {
 public:
  // Opens or creates. What follows a torn or impossible record is cut off; a journal with another
  // header (of another program, simulator or shard) is begun anew. Throws Error where another
  // process has it open, it cannot be written, or something else than a journal has its name.
  Journal(const std::filesystem::path& path, const std::string& header);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  const JobResult* find(const std::string& key) const;
  std::size_t size() const { return known_.size(); }
  // The record is with the operating system when this returns, on the disk after sync(). The first
  // result of a key counts (corners that are equal in all give equal jobs). Throws Error where
  // there is no space; what was added before stays good.
  void add(const std::string& key, const JobResult& result);
  void sync();
  // Forgets what it holds.
  void begin_anew();
  // After the output stands.
  void remove();
  // Makes it the output: on the disk, and under that name.
  void become(const std::filesystem::path& output);

 private:
  void require_journal() const;
  void read();
  void write(const std::string& bytes);
  std::filesystem::path path_;
  std::string begin_;  // of the file: magic and header
  int fd_ = -1;
  KnownResults known_;
  std::unordered_set<std::string> added_;
};

// The header that a journal of this name was begun with; none where there is no journal, or one too
// short to have it.
std::optional<std::string> journal_header(const std::filesystem::path& path);

// A journal that nobody writes to any more.
struct ClosedJournal {
  std::string header;
  KnownResults results;
};
// Throws Error where the file is no journal, or is damaged.
ClosedJournal read_journal(const std::filesystem::path& path);

}  // namespace gaincell::characterize
