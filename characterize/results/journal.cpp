#include "characterize/results/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "characterize/job/protocol.h"
#include "characterize/job/wire.h"

namespace gaincell::characterize {
namespace {

constexpr std::string_view kJournalMagic = "GCJOURN1";
constexpr std::uint64_t kAnySize = std::numeric_limits<std::uint64_t>::max();

[[noreturn]] void fail(const std::filesystem::path& path, const char* what, int error) {
  throw Error({.place = path.string(),
               .rule = fmt::format("{} ({})", what, std::strerror(error)),
               .remedy = error == ENOSPC || error == EDQUOT || error == EFBIG
                             ? "make space and run the same command again: it goes on from here"
                             : "choose another output"});
}

[[noreturn]] void refuse_foreign(const std::filesystem::path& path, const char* what) {
  throw Error({.place = path.string(),
               .rule = fmt::format("is {}, where this run keeps its journal", what),
               .remedy = "move it away, or choose another output"});
}

// Reads records up to the first that is torn, damaged or impossible, as a second one of the same
// simulation is; returns what is left from there.
std::string_view read_records(std::string_view bytes, KnownResults& known) {
  while (true) {
    std::string_view rest = bytes;
    const auto payload = take_checked_record(rest);
    if (!payload) return bytes;
    try {
      ByteReader in(*payload);
      const std::string key = in.text();
      bool last = false;
      JobResult result = decode_result(payload->substr(4 + key.size()), last);
      const auto [at, fresh] = known.try_emplace(key);
      if (!fresh && (at->second.ok || at->second.failure.why != JobFailure::Why::kNotRun))
        return bytes;
      at->second = std::move(result);
    } catch (const BadBytes&) {
      return bytes;
    }
    bytes = rest;
  }
}

}  // namespace

Journal::Journal(const std::filesystem::path& path, const std::string& header)
    : path_(path), begin_(std::string(kJournalMagic) + checked_record(header)) {
  fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
  if (fd_ < 0 && errno == ELOOP) refuse_foreign(path_, "a symbolic link");
  if (fd_ < 0 && errno == EISDIR) refuse_foreign(path_, "a folder");
  if (fd_ < 0) fail(path_, "could not be opened", errno);
  require_journal();
  if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    ::close(fd_);
    throw Error({.place = path_.string(),
                 .rule = "another run is writing to this output",
                 .remedy = "wait for it, or choose another output"});
  }
  read();
  sync_folder_of(path_);  // else a power loss takes the whole file
}

// Something else that stands under the journal's name is the user's.
void Journal::require_journal() const {
  struct stat found {};
  std::string begin(kJournalMagic.size(), '\0');
  const bool regular = ::fstat(fd_, &found) == 0 && S_ISREG(found.st_mode);
  const ssize_t got = regular ? ::pread(fd_, begin.data(), begin.size(), 0) : 0;
  begin.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (regular && got >= 0 && kJournalMagic.starts_with(begin)) return;
  ::close(fd_);
  refuse_foreign(path_, regular ? "a file of another kind" : "no file");
}

Journal::~Journal() {
  if (fd_ >= 0) ::close(fd_);
}

void Journal::read() {
  const std::string bytes = read_file(path_, kAnySize);
  std::size_t good = 0;
  if (bytes.starts_with(begin_)) {
    const std::string_view torn =
        read_records(std::string_view(bytes).substr(begin_.size()), known_);
    good = bytes.size() - torn.size();
  }
  if (::ftruncate(fd_, static_cast<off_t>(good)) != 0) fail(path_, "could not be written", errno);
  ::lseek(fd_, 0, SEEK_END);
  if (good == 0) write(begin_);
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
  if (!added_.insert(key).second) return;
  write(checked_record(ByteWriter().text(key).bytes() + encode(result, false)));
}

void Journal::sync() {
  if (::fsync(fd_) != 0) fail(path_, "did not reach the disk", errno);
}

void Journal::begin_anew() {
  known_.clear();
  added_.clear();
  if (::ftruncate(fd_, 0) != 0) fail(path_, "could not be written", errno);
  write(begin_);
}

void Journal::remove() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

void Journal::become(const std::filesystem::path& output) {
  sync();
  require_output(output);
  std::error_code error;
  const auto target = std::filesystem::is_symlink(output, error)
                          ? std::filesystem::canonical(output, error)
                          : output;
  if (::rename(path_.c_str(), target.c_str()) != 0) fail(output, "could not be written", errno);
  sync_folder_of(target);
}

std::optional<std::string> journal_header(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return std::nullopt;
  const std::string bytes = read_file(path, kAnySize);
  std::string_view rest = bytes;
  if (!rest.starts_with(kJournalMagic)) return std::nullopt;
  rest.remove_prefix(kJournalMagic.size());
  const auto header = take_checked_record(rest);
  return header ? std::optional<std::string>(*header) : std::nullopt;
}

ClosedJournal read_journal(const std::filesystem::path& path) {
  const std::string bytes = read_file(path, kAnySize);
  std::string_view rest = bytes;
  const bool known = rest.starts_with(kJournalMagic);
  if (known) rest.remove_prefix(kJournalMagic.size());
  const auto header = known ? take_checked_record(rest) : std::nullopt;
  if (!header)
    throw Error({.place = path.string(),
                 .rule = "is no shard of a campaign",
                 .remedy = "give the outputs of `gaincell characterize --shard k/n`"});
  ClosedJournal journal{std::string(*header), {}};
  const std::string_view damaged = read_records(rest, journal.results);
  if (!damaged.empty())
    throw Error({.place = path.string(),
                 .rule = fmt::format("is damaged from byte {} on", bytes.size() - damaged.size()),
                 .remedy = "run this shard again"});
  return journal;
}

}  // namespace gaincell::characterize
