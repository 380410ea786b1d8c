#include "base/store/seal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/error.h"
#include "base/sha256.h"

namespace gaincell::store {
namespace {

std::string seal_of(int fd, std::uint64_t bytes, const std::string& file) {
  return std::string(kSealMark) + sha256_of_start(fd, bytes, file) + "\n";
}

}  // namespace

Seal check_seal(int fd, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || status.st_size < static_cast<off_t>(kSealSize))
    return Seal::kNone;
  const off_t body = status.st_size - static_cast<off_t>(kSealSize);
  std::array<char, kSealSize> tail{};
  if (::pread(fd, tail.data(), tail.size(), body) != static_cast<ssize_t>(tail.size()))
    return Seal::kNone;
  const std::string_view found(tail.data(), tail.size());
  if (!found.starts_with(kSealMark)) return Seal::kNone;
  return found == seal_of(fd, static_cast<std::uint64_t>(body), path.string()) ? Seal::kIntact
                                                                               : Seal::kBroken;
}

void append_seal(const std::filesystem::path& path, const std::string& target) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  std::string seal;
  if (fd >= 0 && ::fstat(fd, &status) == 0)
    seal = seal_of(fd, static_cast<std::uint64_t>(status.st_size), target);
  if (fd >= 0) ::close(fd);
  std::ofstream out(path, std::ios::binary | std::ios::app);
  out << seal;
  out.flush();
  if (seal.empty() || !out)
    throw Error({.place = target,
                 .rule = std::string("cannot write the file (") + std::strerror(errno) + ")",
                 .remedy = "make space or choose another place, and run the same command again"});
}

}  // namespace gaincell::store
