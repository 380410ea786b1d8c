#include "characterize/pool/scratch_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/error.h"

namespace gaincell::characterize {
namespace {

constexpr std::string_view kScratchPrefix = "gaincell-workers-";
constexpr std::size_t kScratchLetters = 6;  // which mkdtemp() chooses
constexpr const char* kScratchMark = ".gaincell-workers";

// By its name, and by the mark that its maker put into it: a user's folder may have such a name.
// One that was left between the two is empty.
bool is_ours(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  std::error_code error;
  return name.size() == kScratchPrefix.size() + kScratchLetters &&
         name.starts_with(kScratchPrefix) &&
         (std::filesystem::is_regular_file(
              std::filesystem::symlink_status(path / kScratchMark, error)) ||
          std::filesystem::is_empty(path, error));
}

[[noreturn]] void refuse_scratch(const std::string& name, int error) {
  throw Error({.place = name,
               .rule = fmt::format("no scratch folder could be made ({})", std::strerror(error)),
               .remedy = "set TMPDIR to a writable folder with room"});
}

Descriptor open_folder(const std::filesystem::path& path) {
  return Descriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

// The kernel drops a lock with the process that holds it, however that ends.
bool lock_now(const Descriptor& folder) { return ::flock(folder.get(), LOCK_EX | LOCK_NB) == 0; }

void remove_orphans(const std::filesystem::path& base) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(base, error)) {
    if (!is_ours(entry.path())) continue;
    const Descriptor folder = open_folder(entry.path());
    struct stat found {};
    if (folder && ::fstat(folder.get(), &found) == 0 && found.st_uid == ::geteuid() &&
        lock_now(folder)) {
      std::error_code ignored;
      std::filesystem::remove_all(entry.path(), ignored);
    }
  }
}

}  // namespace

ScratchFolder::ScratchFolder() {
  std::error_code error;
  auto base = std::filesystem::temp_directory_path(error);
  if (error) base = "/tmp";
  remove_orphans(base);
  while (path_.empty()) {
    std::string name = (base / kScratchPrefix).string() + "XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) refuse_scratch(name, errno);
    lock_ = open_folder(name);
    // Between the two lines above another process may have taken it for an orphan.
    const bool taken = !lock_ || (!lock_now(lock_) && errno == EWOULDBLOCK);
    if (!taken && std::filesystem::exists(name)) {
      path_ = name;
      const Descriptor mark(
          ::open((path_ / kScratchMark).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
      const int reason = errno;
      if (!mark) {
        std::filesystem::remove(path_, error);
        refuse_scratch(name, reason);
      }
    } else {
      lock_.reset();
    }
  }
}

std::filesystem::path ScratchFolder::make(const std::string& name) const {
  auto folder = path_ / name;
  if (::mkdir(folder.c_str(), 0700) != 0) refuse_scratch(folder.string(), errno);
  return folder;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace gaincell::characterize
