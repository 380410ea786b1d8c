#include "base/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <mutex>
#include <set>
#include <utility>

#include "base/error.h"

namespace gaincell {
namespace {

namespace fs = std::filesystem;

const char* kind_of(mode_t mode) {
  if (S_ISREG(mode)) return "a file";
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  return "a socket";
}

[[noreturn]] void refuse_reading(const fs::path& path, const std::string& why) {
  throw Error({.place = path.empty() ? "a file without a name" : path.string(),
               .rule = "cannot be read (" + why + ")",
               .remedy = "check the path and its permissions"});
}

[[noreturn]] void refuse_writing(const fs::path& path, const std::string& why,
                                 const char* remedy = "choose another output") {
  throw Error({.place = path.string(), .rule = why, .remedy = remedy});
}

[[noreturn]] void fail_writing(const fs::path& path, int error) {
  refuse_writing(path, std::string("could not be written (") + std::strerror(error) + ")",
                 "make space or choose another output");
}

// A descriptor that is closed with its scope.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// Of a shell's `|` or `<(...)`: it has no name, and ends with the program that fills it.
bool is_anonymous_pipe(int fd, mode_t mode) {
  struct statfs system {};
  return S_ISFIFO(mode) && ::fstatfs(fd, &system) == 0 && system.f_type == PIPEFS_MAGIC;
}

// Which files this process has read, whatever their names.
struct Inputs {
  std::mutex mutex;
  bool protected_ = false;
  std::set<std::pair<dev_t, ino_t>> files;
  std::set<std::pair<dev_t, ino_t>> made_here;  // nobody's loss
};

Inputs& inputs() {
  static Inputs all;
  return all;
}

bool is_input(const struct stat& file) {
  const std::scoped_lock lock(inputs().mutex);
  return inputs().files.contains({file.st_dev, file.st_ino});
}

void note(const struct stat& file) {
  const std::scoped_lock lock(inputs().mutex);
  const std::pair<dev_t, ino_t> id{file.st_dev, file.st_ino};
  if (inputs().protected_ && !inputs().made_here.contains(id)) inputs().files.insert(id);
}

// A new file may have the number of an input that is gone, as a journal that was read and removed.
void note_made(const struct stat& file) {
  const std::scoped_lock lock(inputs().mutex);
  const std::pair<dev_t, ino_t> id{file.st_dev, file.st_ino};
  inputs().files.erase(id);
  if (inputs().protected_) inputs().made_here.insert(id);
}

// Behind symbolic links; where one leads to nothing, what was meant can't be known.
fs::path behind_links(const fs::path& target) {
  struct stat found {};
  if (::lstat(target.c_str(), &found) != 0 || !S_ISLNK(found.st_mode)) return target;
  std::error_code error;
  fs::path real = fs::canonical(target, error);
  if (error)
    refuse_writing(target, "is a link that leads to no file (" + error.message() + ")",
                   "remove the link or choose another output");
  return real;
}

}  // namespace

std::string read_file(const fs::path& path, std::uint64_t most_bytes) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) refuse_reading(path, std::strerror(errno));
  const auto is_read = [](mode_t mode) { return S_ISREG(mode) || S_ISFIFO(mode); };
  if (!is_read(found.st_mode)) refuse_reading(path, std::string("is ") + kind_of(found.st_mode));
  // Without waiting: a named pipe that nobody writes to would hold us here.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (file.get() < 0 || ::fstat(file.get(), &found) != 0)
    refuse_reading(path, std::strerror(errno));
  if (!S_ISREG(found.st_mode) && !is_anonymous_pipe(file.get(), found.st_mode))
    refuse_reading(path, std::string("is ") + kind_of(found.st_mode));
  ::fcntl(file.get(), F_SETFL, 0);
  const auto require_size = [&](std::uint64_t size) {
    if (size > most_bytes)
      throw Error({.place = path.string(),
                   .rule = "is larger than the " + std::to_string(most_bytes) +
                           " bytes that such a file may have"});
  };
  const auto stated = static_cast<std::uint64_t>(std::max<off_t>(found.st_size, 0));
  require_size(stated);
  // One byte more shows the end without another turn. Files in /proc state no size.
  std::string bytes(static_cast<std::size_t>(stated) + 1, '\0');
  std::size_t size = 0;
  while (true) {
    if (size == bytes.size()) bytes.resize(2 * size + 4096);
    const ssize_t got = ::read(file.get(), bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) refuse_reading(path, std::strerror(errno));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
    require_size(size);
  }
  bytes.resize(size);
  note(found);
  return bytes;
}

void protect_inputs() {
  const std::scoped_lock lock(inputs().mutex);
  inputs().protected_ = true;
}

void note_input(const fs::path& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) == 0) note(found);
}

PendingFile::PendingFile(fs::path target) : name_(std::move(target)), target_(behind_links(name_)) {
  const fs::path folder = target_.has_parent_path() ? target_.parent_path() : fs::path(".");
  std::error_code ignored;
  if (!target_.has_filename() || !fs::is_directory(folder, ignored))
    refuse_writing(name_,
                   target_.has_filename() ? "the folder " + folder.string() + " does not exist"
                                          : "is the name of a folder",
                   "create it or choose another output");
  struct stat found {};
  if (::stat(target_.c_str(), &found) == 0) {
    if (!S_ISREG(found.st_mode))
      refuse_writing(name_, std::string("is ") + kind_of(found.st_mode) + ", which stays as it is");
    if (is_input(found))
      refuse_writing(name_, "is a file that this command reads, and would replace");
  }
  if (::access(folder.c_str(), W_OK) != 0)
    refuse_writing(name_, "the folder " + folder.string() + " is not writable");
  // A name of its own, so that nothing of anyone is written over.
  int fd = -1;
  for (int number = 0; fd < 0; ++number) {
    temporary_ = target_;
    temporary_ += fmt::format(".tmp{}", ::getpid());
    if (number > 0) temporary_ += fmt::format(".{}", number);
    fd = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && (errno != EEXIST || number > 1000)) fail_writing(name_, errno);
  }
  ::close(fd);
}

PendingFile::~PendingFile() {
  if (committed_) return;
  std::error_code ignored;
  fs::remove(temporary_, ignored);
}

void PendingFile::commit() {
  {
    const Descriptor file(::open(temporary_.c_str(), O_RDWR | O_CLOEXEC));
    if (file.get() < 0 || ::fsync(file.get()) != 0) fail_writing(name_, errno);
  }
  struct stat found {};
  if (::stat(target_.c_str(), &found) == 0 && (!S_ISREG(found.st_mode) || is_input(found)))
    refuse_writing(name_, "is a file that this command reads, and would replace");
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail_writing(name_, errno);
  if (::stat(target_.c_str(), &found) == 0) note_made(found);
  committed_ = true;
  sync_folder_of(target_);
}

void require_output(const fs::path& target) { const PendingFile tried(target); }

void write_file(const fs::path& path, std::string_view bytes) {
  PendingFile file(path);
  {
    std::ofstream out(file.path(), std::ios::binary);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    out.flush();
    if (!out) fail_writing(path, errno);
  }
  file.commit();
}

void sync_folder_of(const fs::path& path) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // A folder without the right to be read, and a file system that knows no such thing, have no say.
  if (opened.get() >= 0 && ::fsync(opened.get()) != 0 && errno != EINVAL && errno != ENOSYS &&
      errno != EROFS)
    fail_writing(path, errno);
}

}  // namespace gaincell
