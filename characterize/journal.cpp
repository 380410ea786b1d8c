#include "characterize/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/files.h"
#include "characterize/protocol.h"
#include "characterize/wire.h"

namespace gaincell::characterize {
namespace {

constexpr std::string_view kMagic = "GCJOURN1";

[[noreturn]] void fail(const std::filesystem::path& path, const char* what, int error) {
  throw Error({.place = path.string(),
               .rule = fmt::format("{} ({})", what, std::strerror(error)),
               .remedy = error == ENOSPC || error == EDQUOT
                             ? "make space and run the same command again: it goes on from here"
                             : "choose another output"});
}

std::string record(const std::string& payload) {
  ByteWriter out;
  out.u32(static_cast<std::uint32_t>(payload.size())).u32(crc32(payload));
  return out.bytes() + payload;
}

}  // namespace

Journal::Journal(const std::filesystem::path& path, const std::string& versions)
    : path_(path), header_(std::string(kMagic) + record(versions)) {
  fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd_ < 0) fail(path_, "could not be opened", errno);
  if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    ::close(fd_);
    throw Error({.place = path_.string(),
                 .rule = "another run is writing to this output",
                 .remedy = "wait for it, or choose another output"});
  }
  read();
}

Journal::~Journal() {
  if (fd_ >= 0) ::close(fd_);
}

void Journal::read() {
  const std::string bytes = read_file(path_);
  std::size_t good = 0;
  if (bytes.starts_with(header_)) {
    good = header_.size();
    while (bytes.size() - good >= 8) {
      ByteReader head(std::string_view(bytes).substr(good, 8));
      const std::uint32_t size = head.u32();
      const std::uint32_t sum = head.u32();
      if (size > bytes.size() - good - 8) break;
      const std::string_view payload = std::string_view(bytes).substr(good + 8, size);
      if (crc32(payload) != sum) break;
      try {
        ByteReader in(payload);
        const std::string key = in.text();
        bool last = false;
        known_[key] = decode_result(payload.substr(4 + key.size()), last);
      } catch (const BadBytes&) {
        break;
      }
      good += 8 + size;
    }
  }
  if (::ftruncate(fd_, static_cast<off_t>(good)) != 0) fail(path_, "could not be written", errno);
  ::lseek(fd_, 0, SEEK_END);
  if (good == 0) write(header_);
}

void Journal::write(const std::string& bytes) {
  const off_t begin = ::lseek(fd_, 0, SEEK_END);
  std::size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t some = ::write(fd_, bytes.data() + written, bytes.size() - written);
    if (some < 0 && errno == EINTR) continue;
    if (some <= 0) {
      const int error = some == 0 ? ENOSPC : errno;
      (void)!::ftruncate(fd_, begin);  // no torn record
      fail(path_, "could not be written", error);
    }
    written += static_cast<std::size_t>(some);
  }
}

const JobResult* Journal::find(const std::string& key) const {
  const auto at = known_.find(key);
  return at == known_.end() ? nullptr : &at->second;
}

void Journal::add(const std::string& key, const JobResult& result) {
  write(record(ByteWriter().text(key).bytes() + encode(result, false)));
}

void Journal::sync() {
  if (::fsync(fd_) != 0) fail(path_, "did not reach the disk", errno);
}

void Journal::remove() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

}  // namespace gaincell::characterize
