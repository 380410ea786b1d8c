#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace gaincell {

inline constexpr std::uint64_t kMostFileBytes = std::uint64_t{1} << 30;

// Whole file as bytes. Throws Error naming the file where it cannot be read, is larger than
// `most_bytes`, or is neither a regular file nor a pipe from another program (/dev/stdin): a named
// pipe may never end to be waited for, nor a device to be read. What is read is noted as an input.
std::string read_file(const std::filesystem::path& path, std::uint64_t most_bytes = kMostFileBytes);

// Inputs are not to be lost: from protect_inputs() on, which a program calls first, no PendingFile
// takes the place of a file that was noted, by whatever name, symbolic or hard link it goes; but
// for files that the program itself has made. Who reads a file otherwise than by read_file() notes
// it.
void protect_inputs();
void note_input(const std::filesystem::path& path);

// A file that is either the whole new content or what was there before: written under a temporary
// name in the same folder, flushed to disk, renamed by commit(). Without commit() the temporary
// file is removed. Where the target is a symbolic link, the file that it leads to is meant.
class PendingFile {
 public:
  // Throws Error if the folder does not exist or cannot be written, and if the target is an input,
  // or a folder, device or pipe.
  explicit PendingFile(std::filesystem::path target);
  ~PendingFile();
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;

  // Where to write. The file exists.
  const std::filesystem::path& path() const { return temporary_; }
  // fsync and rename; the name is on the disk when it returns. Throws Error if the content did not
  // reach the disk (disk full).
  void commit();

 private:
  std::filesystem::path name_;    // as the user gave it
  std::filesystem::path target_;  // behind links
  std::filesystem::path temporary_;
  bool committed_ = false;
};

// Asks for a PendingFile and drops it: refuses a bad output before hours of work.
void require_output(const std::filesystem::path& target);

// PendingFile with the content at hand.
void write_file(const std::filesystem::path& path, std::string_view bytes);

// The names in the folder that holds `path` are on the disk when this returns: after a rename, and
// before anything that it replaces is removed.
void sync_folder_of(const std::filesystem::path& path);

}  // namespace gaincell
