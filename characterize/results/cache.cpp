#include "characterize/results/cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"
#include "characterize/job/protocol.h"
#include "characterize/job/wire.h"

namespace gaincell::characterize {
namespace {

constexpr std::string_view kCacheMagic = "GCCACHE1";
// Marks the folder for backup programs: https://bford.info/cachedir
constexpr std::string_view kTag = "Signature: 8a477f597d28d172789f06886806bc55\n";

bool follows_from_key(const JobResult& result) {
  using Why = JobFailure::Why;
  return result.ok || result.failure.why == Why::kNoConvergence ||
         result.failure.why == Why::kRefused;
}

// Without fsync: after a power loss the checksum shows a torn entry.
int write_whole(const std::filesystem::path& path, std::string_view bytes) {
  const std::string temporary = fmt::format("{}.tmp{}", path.string(), ::getpid());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return errno;
  const ssize_t written = ::write(fd, bytes.data(), bytes.size());
  int error = written < 0 ? errno : 0;
  if (written >= 0 && static_cast<std::size_t>(written) != bytes.size()) error = ENOSPC;
  if (::close(fd) != 0 && error == 0) error = errno;
  if (error == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) ::unlink(temporary.c_str());
  return error;
}

}  // namespace

ResultCache::ResultCache(std::filesystem::path folder, std::string identity)
    : folder_(std::move(folder)), identity_(std::move(identity)) {
  if (folder_.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error || ::access(folder_.c_str(), W_OK) != 0) {
    give_up(folder_, error ? error.value() : errno);
    return;
  }
  usable_ = true;
  if (!std::filesystem::exists(folder_ / "CACHEDIR.TAG", error))
    (void)write_whole(folder_ / "CACHEDIR.TAG", kTag);
}

std::filesystem::path ResultCache::path_of(const std::string& key) const {
  const std::string name = sha256(ByteWriter().text(identity_).text(key).bytes());
  return folder_ / name.substr(0, 2) / name.substr(2);
}

std::optional<JobResult> ResultCache::find(const std::string& key) {
  if (!usable_) return std::nullopt;
  const auto path = path_of(key);
  if (::access(path.c_str(), F_OK) != 0) return std::nullopt;
  try {
    const std::string bytes = read_file(path);
    std::string_view rest = bytes;
    if (!rest.starts_with(kCacheMagic)) throw BadBytes("is no entry");
    rest.remove_prefix(kCacheMagic.size());
    const auto payload = take_checked_record(rest);
    if (!payload || !rest.empty()) throw BadBytes("is torn");
    ByteReader in(*payload);
    if (in.text() != key) throw BadBytes("is another entry");
    bool last = false;
    return decode_result(payload->substr(4 + key.size()), last);
  } catch (const BadBytes&) {
    ++damaged_;
  } catch (const Error&) {  // gone, or not readable
  }
  return std::nullopt;
}

void ResultCache::add(const std::string& key, const JobResult& result) {
  if (!usable_ || !follows_from_key(result)) return;
  const auto path = path_of(key);
  const std::string bytes = std::string(kCacheMagic) +
                            checked_record(ByteWriter().text(key).bytes() + encode(result, false));
  int error = write_whole(path, bytes);
  if (error == ENOENT) {
    std::error_code ignored;
    std::filesystem::create_directory(path.parent_path(), ignored);
    error = write_whole(path, bytes);
  }
  if (error != 0) give_up(path, error);
}

void ResultCache::give_up(const std::filesystem::path& path, int error) {
  usable_ = false;
  complaint_ = fmt::format("the cache is not used: {} could not be written ({})", path.string(),
                           std::strerror(error));
}

std::filesystem::path default_cache_folder() {
  const auto set = [](const char* name) {
    const char* value = std::getenv(name);
    return std::filesystem::path(value != nullptr ? value : "");
  };
  const auto xdg = set("XDG_CACHE_HOME");
  if (xdg.is_absolute()) return xdg / "gaincell";
  const auto home = set("HOME");
  return home.is_absolute() ? home / ".cache" / "gaincell" : std::filesystem::path();
}

}  // namespace gaincell::characterize
