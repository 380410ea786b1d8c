// Kills at random moments, as a night brings them: the samples file has the same bytes, and what
// the journal held is not simulated again. GAINCELL_KILLS sets how many (default 5).
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "base/random.h"
#include "characterize/job/wire.h"
#include "tests/characterize/support.h"
#include "tests/spice/processes.h"

namespace gaincell::characterize {
namespace {

using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;

// 420 transients of some milliseconds.
std::string night_bench() {
  return "gaincell_bench: 1\nname: rc\nconditions:\n"
         "  r: {unit: Ohm, minimum: 1k, maximum: 6k, step: linear, points: 84}\n"
         "  v: {unit: V, enumerate: [0.3, 0.5, 0.6, 0.8, 0.9]}\n"
         "sources: {in: {net: in, pulse: {initial: 0, pulsed: \"{v}\", delay: 0, rise: 1p, fall: "
         "1p, width: 1}}}\n"
         "elements: [\"R1 in out {r}\", C1 out 0 1p]\n"
         "analysis: {type: tran, step: 20p, stop: 20n}\n"
         "measurements: {q: {unit: C, charge: in}}\n";
}

// Keys of the whole records of a journal, in their order.
std::vector<std::string> journal_keys(const std::filesystem::path& path) {
  std::vector<std::string> keys;
  if (!std::filesystem::exists(path)) return keys;
  const std::string bytes = read_file(path);
  std::string_view rest = bytes;
  rest.remove_prefix(std::min<std::size_t>(8, rest.size()));
  if (!take_checked_record(rest)) return keys;
  while (const auto record = take_checked_record(rest)) keys.push_back(ByteReader(*record).text());
  return keys;
}

class Night : public BenchTest {
 protected:
  Night() {
    file("bench.yaml", night_bench());
    std::filesystem::create_directory(path("scratch"));
  }

  // The program a user starts, with its events in a file.
  pid_t start(const std::string& output, rlim_t most_file_bytes = RLIM_INFINITY) {
    const std::string program = std::string(GAINCELL_BINARY_DIR) + "/bin/gaincell";
    const std::string bench = path("bench.yaml"), out = path("events"), err = path("errors");
    const std::string scratch = path("scratch");
    const pid_t child = ::fork();
    if (child == 0) {
      if (most_file_bytes != RLIM_INFINITY) {
        const rlimit limit{most_file_bytes, most_file_bytes};
        ::setrlimit(RLIMIT_FSIZE, &limit);
      }
      ::setenv("TMPDIR", scratch.c_str(), 1);
      ::dup2(::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 1);
      ::dup2(::open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 2);
      ::execl(program.c_str(), "gaincell", "characterize", bench.c_str(), "-o", output.c_str(),
              "-j", "2", "--no-cache", "--json", nullptr);
      ::_exit(127);
    }
    return child;
  }
  // Exit code, or 128 + signal.
  static int wait_for(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  int run(const std::string& output) { return wait_for(start(output)); }

  // The last event of that name; null where there is none.
  nlohmann::json event(const std::string& name) const {
    std::istringstream lines(read_file(path("events")));
    nlohmann::json found;
    for (std::string line; std::getline(lines, line);) {
      auto one = nlohmann::json::parse(line, nullptr, false);
      if (one.is_object() && one.value("event", "") == name) found = std::move(one);
    }
    return found;
  }
};

TEST_F(Night, KillsAtRandomMomentsChangeNothing) {
  const char* wanted_text = std::getenv("GAINCELL_KILLS");
  const int wanted = wanted_text != nullptr ? std::atoi(wanted_text) : 5;
  const auto begin = Clock::now();
  ASSERT_EQ(run(path("whole.h5")), 0) << read_file(path("errors"));
  const double whole_s = std::chrono::duration<double>(Clock::now() - begin).count();
  const std::string whole = read_file(path("whole.h5"));
  const std::string output = path("night.h5"), journal = output + ".journal";

  Random random(20261123, "kills");
  int kills = 0;
  std::map<std::string, int> kinds;
  std::size_t resumed = 0;
  while (kills < wanted) {
    bool done = false;
    while (!done) {
      const std::size_t known = journal_keys(journal).size();
      const pid_t parent = start(output);
      // Past the last wanted kill it runs to its end.
      if (kills < wanted) {
        std::this_thread::sleep_for(std::chrono::duration<double>(random.uniform(0, whole_s)));
        const auto workers = workers_of(parent);
        const std::uint64_t what = random.below(3);
        if (what != 1 && !workers.empty() &&
            ::kill(workers[random.below(workers.size())], SIGKILL) == 0) {
          ++kills;
          ++kinds["worker"];
        }
        siginfo_t ended{};
        ::waitid(P_PID, static_cast<id_t>(parent), &ended, WEXITED | WNOHANG | WNOWAIT);
        if (what != 0 && ended.si_pid == 0) {
          ::kill(parent, SIGKILL);
          ++kills;
          ++kinds["parent"];
        }
      }
      const int code = wait_for(parent);
      ASSERT_TRUE(code == 0 || code == 128 + SIGKILL) << code << read_file(path("errors"));
      done = code == 0;
      if (done) {
        EXPECT_EQ(event("end")["ok"], true);
        EXPECT_EQ(event("end")["simulations"], 420);
      }
      const auto begun = event("begin");
      if (!begun.is_null()) {
        EXPECT_EQ(begun["from_journal"], known);
        resumed += known;
      }
      const auto keys = journal_keys(journal);
      EXPECT_EQ(std::set<std::string>(keys.begin(), keys.end()).size(), keys.size())
          << "a simulation that the journal had was run again";
      EXPECT_GE(keys.size() + (done ? known : 0), known);
      for (int patience = 0; patience < 100 && !workers_of(1).empty(); ++patience)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      EXPECT_TRUE(workers_of(1).empty()) << "workers outlived their parent";
    }
    EXPECT_TRUE(read_file(output) == whole);
    EXPECT_FALSE(std::filesystem::exists(journal));
    EXPECT_TRUE(std::filesystem::is_empty(path("scratch"))) << "killed runs left their folders";
    std::filesystem::remove(output);
  }
  EXPECT_GT(resumed, 0u) << "no kill left anything to go on from";
  fmt::print("{} kills ({} of workers, {} of parents), {} results taken from journals\n", kills,
             kinds["worker"], kinds["parent"], resumed);
}

// A disk that is full first for the journal and at the end for the samples file.
TEST_F(Night, FullDiskIsOneMessageAndTheSameCommandGoesOn) {
  ASSERT_EQ(run(path("whole.h5")), 0);
  const std::filesystem::path disk = path("disk");
  std::filesystem::create_directory(disk);
  const std::string output = disk / "a.h5";
  // Without the right to mount, a limit on the size of files stands for the disk's end.
  const bool mounted = ::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=16k") == 0;
  std::size_t known = 0;
  std::set<std::string> full;
  int code = 2;
  for (std::size_t size = 16 << 10; code == 2 && size < (1 << 20); size += 16 << 10) {
    const std::string option = fmt::format("size={}", size);
    if (mounted) {
      ASSERT_EQ(::mount("tmpfs", disk.c_str(), "tmpfs", MS_REMOUNT, option.c_str()), 0);
    }
    code = wait_for(start(output, mounted ? RLIM_INFINITY : size));
    if (const auto begun = event("begin"); !begun.is_null()) {
      EXPECT_GE(begun["from_journal"], known);
      known = begun["from_journal"];
    }
    if (code == 0) break;
    const std::string message = read_file(path("errors"));
    EXPECT_EQ(code, 2) << message;
    EXPECT_THAT(message, HasSubstr("make space"));
    full.insert(message.find("a.h5.journal") != std::string::npos ? "journal" : "samples");
    EXPECT_FALSE(std::filesystem::exists(output));
  }
  EXPECT_EQ(code, 0);
  EXPECT_GT(known, 10u);
  EXPECT_EQ(full.size(), mounted ? 2u : 1u) << "the disk was full at one moment only";
  EXPECT_TRUE(read_file(output) == read_file(path("whole.h5")));
  if (mounted) ::umount(disk.c_str());
}

}  // namespace
}  // namespace gaincell::characterize
