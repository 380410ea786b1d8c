#include "base/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/error.h"

namespace gaincell {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::error_code ignored;
  if (!in || std::filesystem::is_directory(path, ignored)) {
    throw Error({.place = path.string(),
                 .rule = std::string("cannot be read (") +
                         (in ? "is a folder" : std::strerror(errno)) + ")",
                 .remedy = "check the path and its permissions"});
  }
  std::ostringstream bytes;
  bytes << in.rdbuf();
  return std::move(bytes).str();
}

PendingFile::PendingFile(std::filesystem::path target) : target_(std::move(target)) {
  const auto folder =
      target_.has_parent_path() ? target_.parent_path() : std::filesystem::path(".");
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) {
    throw Error({.place = target_.string(),
                 .rule = "the folder " + folder.string() + " does not exist",
                 .remedy = "create it or choose another output"});
  }
  if (::access(folder.c_str(), W_OK) != 0) {
    throw Error({.place = target_.string(),
                 .rule = "the folder " + folder.string() + " is not writable",
                 .remedy = "choose another output"});
  }
  temporary_ = target_;
  temporary_ += ".tmp" + std::to_string(::getpid());
}

PendingFile::~PendingFile() {
  if (committed_) return;
  std::error_code ignored;
  std::filesystem::remove(temporary_, ignored);
}

void PendingFile::commit() {
  const int fd = ::open(temporary_.c_str(), O_RDWR | O_CLOEXEC);
  const bool flushed = fd >= 0 && ::fsync(fd) == 0;
  const int reason = errno;
  if (fd >= 0) ::close(fd);
  if (!flushed) {
    throw Error({.place = target_.string(),
                 .rule = std::string("could not be written (") + std::strerror(reason) + ")",
                 .remedy = "make space or choose another output"});
  }
  std::error_code error;
  std::filesystem::rename(temporary_, target_, error);
  if (error) {
    throw Error({.place = target_.string(),
                 .rule = "could not be written (" + error.message() + ")",
                 .remedy = "choose another output"});
  }
  committed_ = true;
}

void write_file(const std::filesystem::path& path, std::string_view bytes) {
  PendingFile file(path);
  {
    std::ofstream out(file.path(), std::ios::binary);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    out.flush();
    if (!out) {
      throw Error({.place = path.string(),
                   .rule = std::string("could not be written (") + std::strerror(errno) + ")",
                   .remedy = "make space or choose another output"});
    }
  }
  file.commit();
}

}  // namespace gaincell
