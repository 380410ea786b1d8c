#include "runner.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "base/utf8.h"
#include "tests/support/program.h"

#ifdef GAINCELL_ADDRESS_SANITIZER
// A finding ends the case; what a process still holds at its end is no finding here.
extern "C" const char* __asan_default_options() {
  return "exitcode=99:detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=16:"
         "handle_abort=1";
}
extern "C" const char* __ubsan_default_options() {
  return "halt_on_error=1:print_stacktrace=1:exitcode=99";
}
#endif

namespace gaincell::fuzz {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kMostMessage = 4'000;       // characters in one line
constexpr std::size_t kMostHeard = 1024 * 1024;   // of what a case prints, kept
constexpr std::size_t kLargestOutput = 1u << 30;  // bytes of one file
constexpr int kUnmade = 90;                       // the mutator failed, not the reader
constexpr int kSanitizer = 99;

// What is not as it must be in a message of the program; "" = nothing.
std::string fault_of(const Complaint& complaint) {
  if (complaint.place.empty() && complaint.key.empty()) return "the message names no place";
  if (complaint.rule.empty()) return "the message names no rule";
  return "";
}

std::string fault_of_text(std::string_view text) {
  if (text.size() >= kMostHeard) text = text.substr(0, text.rfind('\n'));  // of more, whole lines
  for (std::size_t at = 0; at < text.size();) {
    const auto c = static_cast<unsigned char>(text[at]);
    if ((c < 0x20 && c != '\n') || c == 0x7f)
      return fmt::format("a control character (0x{:02x}) is printed", c);
    const int length = utf8_length(text.substr(at));
    if (length == 0) return "bytes that are not UTF-8 are printed";
    at += static_cast<std::size_t>(length);
  }
  return "";
}

std::size_t resident_bytes(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/statm", pid));
  std::size_t whole = 0, pages = 0;
  file >> whole >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

// The process of one case. Never returns.
class Inside {
 public:
  Inside(const Reader& reader, Case& at, std::size_t number, int report)
      : reader_(reader), at_(at), number_(number), report_(report) {}

  [[noreturn]] void run() {
    limit();
    fs::path input;
    try {
      input = number_ < at_.corpus.size() ? whole(at_.corpus[number_]) : reader_.mutate(at_);
    } catch (const std::exception& error) {
      fmt::print(stderr, "{}\n", error.what());
      std::fflush(stderr);
      ::_exit(kUnmade);
    }
    std::ofstream("/proc/self/clear_refs") << 5;  // the peak of memory counts from here
    say(fmt::format("made {} {}\n", resident_bytes(::getpid()),
                    input.lexically_relative(at_.folder).string()));
    const int code = run_guarded([&] {
      try {
        return reader_.run(at_, input);
      } catch (const Error& error) {
        if (const std::string fault = fault_of(error.complaint()); !fault.empty())
          say("wrong " + fault + "\n");
        throw;
      }
    });
    std::fflush(stdout);
    std::fflush(stderr);
    ::_exit(code);
  }

 private:
  // The first cases of a reader are its whole inputs: where those are refused, the rest says
  // little.
  fs::path whole(const Sample& sample) const {
    write_file(at_.folder / sample.name, sample.bytes);
    return at_.folder / sample.name;
  }
  static void limit() {
    const auto seconds = static_cast<rlim_t>(limits_of_build().processor_s);
    const rlimit processor{seconds, seconds + 2}, core{0, 0};
    const rlimit file{kLargestOutput, kLargestOutput};
    ::setrlimit(RLIMIT_CPU, &processor);
    ::setrlimit(RLIMIT_CORE, &core);
    ::setrlimit(RLIMIT_FSIZE, &file);
  }
  void say(const std::string& line) { (void)!::write(report_, line.data(), line.size()); }

  const Reader& reader_;
  Case& at_;
  std::size_t number_;
  int report_;
};

// What the process of a case says of itself.
struct Report {
  explicit Report(const std::string& lines) {
    std::istringstream stream(lines);
    for (std::string word; stream >> word;) {
      if (word == "made") stream >> base_bytes;
      std::getline(stream >> std::ws, word == "made" ? input : wrong);
    }
  }
  std::size_t base_bytes = 0;  // resident when the input was made
  std::string input, wrong;
};

struct Ended {
  bool accepted = false;
  std::string wrong;  // "" = as it must be
  double processor_s = 0;
  std::size_t growth_bytes = 0;
  fs::path input;  // in its folder; empty where it was not made
};

// A case at work, seen from outside.
class Running {
 public:
  Running(const Reader& reader, const std::vector<Sample>& corpus, const RunOptions& options,
          std::size_t number, const fs::path& folder)
      : number_(number), whole_(number < corpus.size()), folder_(folder) {
    std::array<int, 2> said{}, printed{}, results{};
    if (::pipe2(said.data(), O_CLOEXEC) != 0 || ::pipe2(printed.data(), O_CLOEXEC) != 0 ||
        ::pipe2(results.data(), O_CLOEXEC) != 0)
      throw std::runtime_error("no pipe could be made");
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("no process could be started");
    if (pid_ == 0) {
      ::setpgid(0, 0);
      const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
      ::dup2(null, 0);
      ::dup2(results[1], 1);
      ::dup2(printed[1], 2);
      ::setenv("XDG_CACHE_HOME", (folder / "out").c_str(), 1);
      if (::chdir(folder.c_str()) != 0) ::_exit(kUnmade);
      Random random(options.seed, reader.name, number);
      Case at{corpus, random, folder};
      Inside(reader, at, number, said[1]).run();
    }
    ::setpgid(pid_, pid_);
    ::close(said[1]);
    ::close(printed[1]);
    ::close(results[1]);
    said_ = said[0];
    printed_ = printed[0];
    results_ = results[0];
    for (const int fd : {said_, printed_, results_}) ::fcntl(fd, F_SETFL, O_NONBLOCK);
  }
  ~Running() {
    for (const int fd : {said_, printed_, results_}) ::close(fd);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  std::size_t number() const { return number_; }
  const fs::path& folder() const { return folder_; }
  int descriptor() const { return printed_; }

  // What became of it, once it has ended.
  std::optional<Ended> look() {
    hear();
    watch();
    int status = 0;
    rusage usage{};
    if (::wait4(pid_, &status, WNOHANG, &usage) != pid_) return std::nullopt;
    ::kill(-pid_, SIGKILL);  // workers that it may have left
    hear();
    Ended ended;
    const auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
    };
    ended.processor_s = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    const Report report(report_);
    const std::size_t peak = static_cast<std::size_t>(usage.ru_maxrss) * 1024;
    if (report.base_bytes > 0) ended.growth_bytes = peak - std::min(peak, report.base_bytes);
    ended.input = report.input;
    ended.wrong = report.wrong.empty() ? verdict(status, ended) : report.wrong;
    if (ended.wrong.empty() && whole_ && WEXITSTATUS(status) == 2)
      ended.wrong = "a whole input is refused: " + heard_.substr(0, 300);
    ended.accepted = ended.wrong.empty() && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    return ended;
  }
  const std::string& heard() const { return heard_; }

 private:
  void hear() {
    hear(printed_, heard_);
    hear(results_, shown_);
    hear(said_, report_);
  }
  static void hear(int fd, std::string& text) {
    std::array<char, 65536> chunk{};
    for (ssize_t got = 0; (got = ::read(fd, chunk.data(), chunk.size())) > 0;)
      if (text.size() < kMostHeard) text.append(chunk.data(), static_cast<std::size_t>(got));
  }

  // Ends what takes too much; the processor's limit is the kernel's to hold.
  void watch() {
    if (!killed_.empty()) return;
    const Limits limits = limits_of_build();
    const std::size_t base = Report(report_).base_bytes;
    if (base > 0 && resident_bytes(pid_) > base + limits.memory_growth_bytes)
      killed_ = fmt::format("takes more than {} MiB", limits.memory_growth_bytes >> 20);
    if (std::chrono::duration<double>(Clock::now() - begin_).count() > limits.wall_s)
      killed_ = fmt::format("no end after {} s by the clock", limits.wall_s);
    if (!killed_.empty()) ::kill(-pid_, SIGKILL);
  }

  std::string verdict(int status, const Ended& ended) const {
    if (!killed_.empty()) return killed_;
    const std::string made = ended.input.empty() ? "while the input was made: " : "";
    if (WIFSIGNALED(status)) {
      if (WTERMSIG(status) == SIGXCPU)
        return fmt::format("{}no end after {} s of processor time", made,
                           limits_of_build().processor_s);
      return fmt::format("{}signal {} ({})", made, WTERMSIG(status), ::strsignal(WTERMSIG(status)));
    }
    const int code = WEXITSTATUS(status);
    const std::string first = heard_.substr(0, std::min<std::size_t>(heard_.find('\n'), 300));
    if (code == kSanitizer || heard_.find("runtime error: ") != std::string::npos)
      return "a sanitizer stopped it: " + finding();
    if (ended.input.empty()) return fmt::format("the input could not be made: {}", first);
    if (code > 2) return fmt::format("exit {}: {}", code, first);
    if (ended.growth_bytes > limits_of_build().memory_growth_bytes)
      return fmt::format("took {} MiB", ended.growth_bytes >> 20);
    if (const std::string fault = fault_of_text(heard_); !fault.empty())
      return fmt::format("{}: {}", fault, first);
    if (const std::string fault = fault_of_text(shown_); !fault.empty())
      return fault + " on standard output";
    if (code == 2) return fault_of_refusal(first);
    return "";
  }

  std::string fault_of_refusal(const std::string& first) const {
    // Warnings may stand before it.
    std::vector<std::string> lines;
    std::istringstream stream(heard_);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    const auto is_error = [](const std::string& one) {
      return one.starts_with("gaincell: error: ");
    };
    if (std::count_if(lines.begin(), lines.end(), is_error) != 1 || !is_error(lines.back()))
      return "not one line of an error at the end: " + first;
    if (heard_.size() > kMostMessage)
      return fmt::format("a message of {} bytes: {}", heard_.size(), first);
    return "";
  }

  // The line of a sanitizer's report that says most.
  std::string finding() const {
    for (const char* mark : {"ERROR: ", "runtime error: "}) {
      const std::size_t at = heard_.find(mark);
      if (at != std::string::npos)
        return heard_.substr(at, std::min<std::size_t>(heard_.find('\n', at) - at, 200));
    }
    return heard_.substr(0, 200);
  }

  std::size_t number_;
  bool whole_;
  const fs::path& folder_;
  pid_t pid_ = -1;
  int said_ = -1;                    // of itself
  int printed_ = -1, results_ = -1;  // on standard error and output
  std::string heard_, shown_, report_, killed_;
  Clock::time_point begin_ = Clock::now();
};

// Puts back what the case changed in its folder.
void restore(const fs::path& folder, const fs::path& base, const fs::path& input) {
  if (!input.empty()) {
    fs::remove_all(folder / input);
    if (fs::exists(base / input))
      fs::copy(base / input, folder / input, fs::copy_options::recursive);
  }
  fs::remove_all(folder / "out");
  fs::create_directory(folder / "out");
}

std::string keep(const RunOptions& options, const Reader& reader, std::size_t number,
                 const fs::path& input) {
  std::string name(reader.name);
  std::replace(name.begin(), name.end(), '/', '_');
  const fs::path to = options.kept / name /
                      fmt::format("{}_{}{}", options.seed, number, input.extension().string());
  std::error_code error;
  fs::create_directories(to.parent_path(), error);
  fs::remove_all(to, error);
  fs::copy(input, to, fs::copy_options::recursive | fs::copy_options::copy_symlinks, error);
  return error ? "" : to.string();
}

}  // namespace

Limits limits_of_build() {
#ifdef GAINCELL_ADDRESS_SANITIZER
  return {40, 900, std::size_t{3} << 29};
#else
  return {10, 300, std::size_t{1} << 30};
#endif
}

std::string sanitizers_of_build() {
#ifdef GAINCELL_ADDRESS_SANITIZER
  return "address, undefined behaviour";
#else
  return "none";
#endif
}

ReaderReport run_cases(
    const Reader& reader, const RunOptions& options,
    const std::function<void(const std::string& repeat, const std::string& wrong)>& failed) {
  ReaderReport report;
  report.name = reader.name;
  const testing::ScratchFolder scratch;
  const fs::path base = scratch / "base";
  fs::create_directories(base / "out");
  const std::vector<Sample> corpus = reader.prepare(base);
  if (corpus.empty()) throw std::runtime_error(fmt::format("{}: no samples", reader.name));

  std::vector<fs::path> folders;
  std::vector<std::unique_ptr<Running>> slots(std::max(1u, options.jobs));
  for (std::size_t k = 0; k < slots.size(); ++k) {
    folders.push_back(scratch / std::to_string(k));
    fs::copy(base, folders.back(), fs::copy_options::recursive);
  }
  std::size_t next = options.only.value_or(0);
  const std::size_t end = options.only ? next + 1 : options.cases;
  const auto finish = [&](const Running& one, const Ended& ended) {
    ++report.cases;
    report.slowest_s = std::max(report.slowest_s, ended.processor_s);
    report.largest_growth_bytes = std::max(report.largest_growth_bytes, ended.growth_bytes);
    ++(!ended.wrong.empty() ? report.failed : ended.accepted ? report.accepted : report.refused);
    if (!ended.wrong.empty() || options.only) {
      const std::string kept =
          ended.input.empty() ? ""
                              : keep(options, reader, one.number(), one.folder() / ended.input);
      const std::string repeat =
          fmt::format("--reader {} --seed {} --case {}{}{}", reader.name, options.seed,
                      one.number(), kept.empty() ? "" : ", input in ", kept);
      if (!ended.wrong.empty()) failed(repeat, ended.wrong);
      if (options.only) fmt::print(stderr, "{}\n{}", repeat, one.heard());
    }
    restore(one.folder(), base, ended.input);
  };
  for (bool busy = true; busy;) {
    busy = false;
    std::vector<pollfd> waiting;
    for (std::size_t k = 0; k < slots.size(); ++k) {
      if (slots[k] != nullptr) {
        if (const auto ended = slots[k]->look()) {
          finish(*slots[k], *ended);
          slots[k].reset();
        }
      }
      if (slots[k] == nullptr && next < end)
        slots[k] = std::make_unique<Running>(reader, corpus, options, next++, folders[k]);
      if (slots[k] != nullptr) waiting.push_back({slots[k]->descriptor(), POLLIN, 0});
    }
    busy = !waiting.empty();
    constexpr int kLook_ms = 10;
    if (busy && ::poll(waiting.data(), waiting.size(), kLook_ms) > 0) ::usleep(200);
  }
  return report;
}

}  // namespace gaincell::fuzz
