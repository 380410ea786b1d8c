#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace gaincell {

// Whole file as bytes. Throws Error naming the file where it cannot be read.
std::string read_file(const std::filesystem::path& path);

// A file that is either the whole new content or what was there before: written under a temporary
// name in the same folder, flushed to disk, renamed by commit(). Without commit() the temporary
// file is removed.
class PendingFile {
 public:
  // Throws Error if the folder does not exist or cannot be written.
  explicit PendingFile(std::filesystem::path target);
  ~PendingFile();
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;

  // Where to write. The file may or may not exist yet.
  const std::filesystem::path& path() const { return temporary_; }
  // fsync and rename. Throws Error if the content did not reach the disk (disk full).
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path temporary_;
  bool committed_ = false;
};

// PendingFile with the content at hand.
void write_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace gaincell
