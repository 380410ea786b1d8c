// A seeded fuzzer for all that comes from outside: benches, netlists, decks, frames of the worker
// protocol, journals and shards. Each case is a piece of the corpus, mutated; its outcome must be
// success or one Error that names a place, with no crash and no hang. `--case N` repeats one.
#include <fmt/format.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/random.h"
#include "characterize/child.h"
#include "characterize/journal.h"
#include "characterize/netlist.h"
#include "characterize/plan.h"
#include "characterize/pool.h"
#include "characterize/protocol.h"
#include "characterize/shard.h"
#include "characterize/wire.h"

namespace gaincell::characterize {
namespace {

namespace fs = std::filesystem;
// Of processor time; a crowded machine gets ten times as much by the clock.
constexpr unsigned kHang_s = 30;

// What is said where a case ends the process: the signal handler may not allocate.
std::array<char, 256> now_running{};

void on_alarm(int) {
  (void)!::write(2, now_running.data(), std::char_traits<char>::length(now_running.data()));
  constexpr std::string_view kText = ": HANGS\n";
  (void)!::write(2, kText.data(), kText.size());
  ::_exit(1);
}

struct Sample {
  std::string name;
  std::string text;
};

std::vector<Sample> samples_of(const fs::path& folder, const std::string& extension) {
  std::vector<Sample> found;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == extension && entry.file_size() < 20'000)
      found.push_back({entry.path().string(), read_file(entry.path())});
  }
  std::sort(found.begin(), found.end(),
            [](const Sample& a, const Sample& b) { return a.name < b.name; });
  return found;
}

// Pieces that parsers stumble over.
const std::vector<std::string>& dictionary() {
  static const std::vector<std::string> words{"0",
                                              "-1",
                                              "1e999",
                                              "1e-999",
                                              "nan",
                                              "inf",
                                              "999999999999",
                                              "{",
                                              "}",
                                              "{}",
                                              "[",
                                              "]",
                                              ":",
                                              ": ",
                                              "- ",
                                              "\n",
                                              "\n\n",
                                              "\t",
                                              "  ",
                                              "\"",
                                              "'",
                                              "#",
                                              "*",
                                              "$",
                                              ";",
                                              "//",
                                              "+ ",
                                              "=",
                                              "&a",
                                              "*a",
                                              "<<: *a",
                                              "!!int",
                                              "!!binary x",
                                              "|",
                                              ">",
                                              "~",
                                              "null",
                                              "true",
                                              "{{",
                                              "{v_dd",
                                              "v_dd}",
                                              "{1/0}",
                                              "(",
                                              ")",
                                              "((((",
                                              "1n 1n",
                                              "1M",
                                              "5F",
                                              "µs",
                                              "\xff",
                                              "\xc3(",
                                              std::string(1, '\0'),
                                              std::string(3000, 'x'),
                                              std::string(300, '('),
                                              std::string(300, '['),
                                              ".control\nshell id\n.endc\n",
                                              ".include /etc/passwd\n",
                                              ".lib a b\n",
                                              ".ends\n",
                                              ".subckt a b\n",
                                              ".model m nmos level=14\n",
                                              "*#shell id\n",
                                              "\r\n",
                                              "points: 1000000000"};
  return words;
}

class Mutator {
 public:
  Mutator(Random& random, const std::vector<Sample>& others) : random_(random), others_(others) {}
  std::string operator()(std::string text) {
    for (std::uint64_t k = 1 + random_.below(2); k > 0; --k) once(text);
    return text;
  }

 private:
  std::size_t at(const std::string& text) { return random_.below(text.size() + 1); }
  std::pair<std::size_t, std::size_t> range(const std::string& text) {
    const std::size_t begin = at(text);
    return {begin, std::min<std::size_t>(1 + random_.below(40), text.size() - begin)};
  }
  void once(std::string& text) {
    const auto [begin, size] = range(text);
    switch (random_.below(8)) {
      case 0:
        if (size > 0) text[begin] = static_cast<char>(text[begin] ^ (1 << random_.below(8)));
        break;
      case 1:
        text.erase(begin, size);
        break;
      case 2:
        text.insert(at(text), text.substr(begin, size));
        break;
      case 3:
        text.insert(begin, dictionary()[random_.below(dictionary().size())]);
        break;
      case 4:
        text.replace(begin, size, dictionary()[random_.below(dictionary().size())]);
        break;
      case 5:
        text.resize(at(text));
        break;
      case 6:
        splice(text);
        break;
      default:
        change_number(text);
    }
  }
  void splice(std::string& text) {
    const std::string& other = others_[random_.below(others_.size())].text;
    const auto [begin, size] = range(other);
    text.insert(at(text), other.substr(begin, 4 * size));
  }
  // A number becomes one of the dictionary's.
  void change_number(std::string& text) {
    constexpr std::string_view kDigits = "0123456789";
    const std::size_t begin = text.find_first_of(kDigits, at(text));
    if (begin == std::string::npos) return;
    const std::size_t end = std::min(text.find_first_not_of("0123456789.e-", begin), text.size());
    text.replace(begin, end - begin, dictionary()[random_.below(7)]);
  }
  Random& random_;
  const std::vector<Sample>& others_;
};

struct Settings {
  std::uint64_t seed = 1;
  std::size_t cases = 1500;
  std::optional<std::size_t> only;
  std::string worker = std::string(GAINCELL_BINARY_DIR) + "/bin/gaincell-worker";
};

class Fuzzer {
 public:
  explicit Fuzzer(const Settings& settings) : settings_(settings) {
    const fs::path source = GAINCELL_SOURCE_DIR;
    benches_ = samples_of(source / "netlists", ".yaml");
    for (Sample& more : samples_of(source / "tests/fuzz/corpus", ".yaml"))
      benches_.push_back(std::move(more));
    netlists_ = samples_of(source / "netlists", ".cir");
    for (Sample& more : samples_of(source / "tests/fuzz/corpus", ".cir"))
      netlists_.push_back(std::move(more));
    decks_ = samples_of(source / "tests/fuzz/corpus", ".cir");
    frames_ = valid_frames();
    journals_ = valid_journals();
    // Benches name their netlists and models beside them.
    fs::copy(source / "netlists", folder_.path() / "netlists", fs::copy_options::recursive);
  }

  int run() {
    ::signal(SIGALRM, on_alarm);
    ::signal(SIGPROF, on_alarm);
    std::size_t failed = 0;
    const std::size_t begin = settings_.only.value_or(0);
    const std::size_t end = settings_.only ? begin + 1 : settings_.cases;
    for (std::size_t k = begin; k < end; ++k) {
      const std::string wrong = one(k);
      if (wrong.empty()) continue;
      ++failed;
      fmt::print(stderr, "{}: {}\n", now_running.data(), wrong);
    }
    for (const auto& [kind, count] : counts_)
      fmt::print("{:8} {} cases, {} of them accepted\n", kind, count.cases, count.accepted);
    fmt::print("{} cases, seed {}: {} failed\n", end - begin, settings_.seed, failed);
    return failed == 0 ? 0 : 1;
  }

 private:
  // "" = as it must be; otherwise what is wrong.
  std::string outcome_of(const std::function<void()>& run) {
    try {
      run();
    } catch (const Error& error) {
      if (error.complaint().place.empty()) return fmt::format("names no place: {}", error.what());
      if (error.complaint().rule.empty()) return fmt::format("names no rule: {}", error.what());
      if (std::string_view(error.what()).find('\n') != std::string_view::npos)
        return fmt::format("is more than one line: {}", error.what());
    } catch (const std::exception& error) {
      return fmt::format("is no Error: {}", error.what());
    }
    return "";
  }

  // Bytes from a pipe: BadBytes is what the pool knows how to take.
  std::string frame_outcome(const std::string& bytes) {
    return outcome_of([&] {
      try {
        FrameBuffer buffer;
        buffer.add(bytes);
        while (const auto frame = buffer.next()) {
          bool last = false;
          switch (frame->type) {
            case FrameType::kHello:
              (void)decode_hello(frame->payload);
              break;
            case FrameType::kHead:
              (void)decode_head(frame->payload);
              break;
            case FrameType::kRun:
              (void)decode_run(frame->payload);
              break;
            case FrameType::kReply:
              (void)decode_result(frame->payload, last);
              break;
          }
        }
        ++accepted_;
      } catch (const BadBytes&) {
      }
    });
  }

  std::string one(std::size_t number) {
    Random random(settings_.seed, "fuzz", number);
    // A deck costs a simulation, the others a parse.
    static constexpr std::array kKinds{"bench",   "bench", "bench",   "netlist", "netlist",
                                       "netlist", "frame", "journal", "frame",   "deck"};
    const std::string kind = kKinds[random.below(kKinds.size())];
    Count& count = counts_[kind];
    ++count.cases;
    accepted_ = 0;
    fmt::format_to_n(now_running.data(), now_running.size() - 1, "--seed {} --case {} ({})",
                     settings_.seed, number, kind);
    now_running[std::min<std::size_t>(
        fmt::formatted_size("--seed {} --case {} ({})", settings_.seed, number, kind),
        now_running.size() - 1)] = '\0';
    const itimerval busy{{0, 0}, {kHang_s, 0}};
    ::setitimer(ITIMER_PROF, &busy, nullptr);
    ::alarm(10 * kHang_s);
    const std::string wrong = kind == "bench"     ? bench(random)
                              : kind == "netlist" ? netlist(random)
                              : kind == "frame"   ? frame(random)
                              : kind == "journal" ? journal(random)
                                                  : deck(random);
    ::alarm(0);
    if (accepted_ > 0) ++count.accepted;
    return wrong;
  }

  std::string mutated(Random& random, const std::vector<Sample>& corpus, std::string& name) {
    const Sample& chosen = corpus[random.below(corpus.size())];
    name = chosen.name;
    return keep(Mutator(random, corpus)(chosen.text));
  }

  // The input of a case that is repeated alone is left for a look.
  std::string keep(std::string text) const {
    if (settings_.only) {
      std::ofstream("fuzz_case", std::ios::binary) << text;
      fmt::print(stderr, "the input is in fuzz_case\n");
    }
    return text;
  }

  std::string bench(Random& random) {
    std::string name;
    const std::string text = mutated(random, benches_, name);
    const fs::path netlists = fs::path(GAINCELL_SOURCE_DIR) / "netlists";
    const fs::path relative = fs::path(name).lexically_relative(netlists);
    const bool shipped = !relative.empty() && *relative.begin() != "..";
    const fs::path file = folder_.path() / "netlists" /
                          (shipped ? relative.parent_path() / "fuzzed.yaml" : "fuzzed.yaml");
    std::ofstream(file, std::ios::binary) << text;
    return outcome_of([&] {
      const auto read = read_bench(file.string());
      (void)make_plan(*read, bench_points(*read));
      ++accepted_;
    });
  }

  std::string netlist(Random& random) {
    std::string name;
    const fs::path file = folder_.path() / "fuzzed.cir";
    std::ofstream(file, std::ios::binary) << mutated(random, netlists_, name);
    return outcome_of([&] {
      Library library(folder_.path());
      library.add(file, "", "bench.yaml:1");
      library.check();
      (void)library.text();
      ++accepted_;
    });
  }

  std::string frame(Random& random) {
    std::string name;
    const std::string bytes = mutated(random, frames_, name);
    const std::string wrong = frame_outcome(bytes);
    if (!wrong.empty() || bytes.size() < 13) return wrong;
    // Payloads behind a right header and checksum, as a worker gone wrong would send them.
    const auto type = static_cast<FrameType>(1 + random.below(4));
    return frame_outcome(encode_frame(type, std::string_view(bytes).substr(13)));
  }

  std::string journal(Random& random) {
    std::string name;
    const fs::path file = folder_.path() / "fuzzed.journal";
    std::ofstream(file, std::ios::binary) << mutated(random, journals_, name);
    const std::string wrong = outcome_of([&] {
      const ClosedJournal closed = read_journal(file);
      try {
        (void)decode_shard_header(closed.header);
        ++accepted_;
      } catch (const BadBytes&) {
      }
    });
    if (!wrong.empty()) return wrong;
    return outcome_of([&] { Journal(file, "header").add("key", {}); });
  }

  // Straight to the simulator, past the screening: whatever it does, the pool has a result.
  std::string deck(Random& random) {
    std::string name;
    Job job;
    job.head = std::make_shared<DeckHead>(DeckHead{"", "hash"});
    job.title = "* fuzzed";
    job.body = mutated(random, decks_, name) + "\n";
    std::erase(job.body, '\0');
    job.proof = {"tran", 1e-9, true, 0};
    job.calls = {{"value", {"v(a)"}, {{"at", 1e-9}}, {}}};
    job.timeout_s = 2;
    PoolOptions options;
    options.worker = settings_.worker;
    options.memory_bytes = std::size_t{512} << 20;
    std::size_t results = 0;
    std::string nameless;
    PoolListener listener;
    listener.done = [&](const Job&, const JobResult& result) {
      ++results;
      accepted_ += result.ok ? 1 : 0;
      if (!result.ok && result.failure.reason.empty()) nameless = "a failure without a reason";
    };
    listener.tick = [] { return true; };
    const Job* one = &job;
    const std::string wrong =
        outcome_of([&] { (void)Pool(options).run(std::span(&one, 1), listener); });
    if (!wrong.empty()) return wrong;
    return results == 1 ? nameless : "the job has no result";
  }

  static std::vector<Sample> valid_frames() {
    Job job;
    job.title = "* title";
    job.body = "r1 a 0 1\n.tran 1n 2n\n";
    job.calls = {{"value", {"v(a)"}, {{"at", 1}}, {{"edge", "rise"}}}};
    JobResult result;
    result.values = {1, 2};
    result.reasons = {"", "no crossing"};
    result.failure = {JobFailure::Why::kCrash, "reason", "log"};
    return {
        {"hello", encode_frame(FrameType::kHello, encode(Hello{kProtocolVersion, "1", "39", ""}))},
        {"head", encode_frame(FrameType::kHead, encode(HeadMessage{1, ".model a r\n"}))},
        {"run", encode_frame(FrameType::kRun, encode_run(job, 1, false))},
        {"reply", encode_frame(FrameType::kReply, encode(result, false))}};
  }

  std::vector<Sample> valid_journals() {
    std::vector<Sample> made;
    for (const std::string& header :
         {std::string("header"),
          encode(ShardHeader{{1, 2}, "1", "39", "id", "print", {"a"}, {}, {}})}) {
      const fs::path file = folder_.path() / "journal";
      {
        Journal journal(file, header);
        for (const char* key : {"one", "two", "three"}) journal.add(key, {});
      }
      made.push_back({"journal", read_file(file)});
      fs::remove(file);
    }
    return made;
  }

  Settings settings_;
  ScratchFolder folder_;
  std::vector<Sample> benches_, netlists_, decks_, frames_, journals_;
  struct Count {
    std::size_t cases = 0;
    std::size_t accepted = 0;  // no Error: the mutation left something that is right
  };
  std::map<std::string, Count> counts_;
  std::size_t accepted_ = 0;  // of the parts of the running case
};

}  // namespace
}  // namespace gaincell::characterize

int main(int argc, char** argv) {
  gaincell::characterize::Settings settings;
  CLI::App app{"fuzzer of benches, netlists, decks, frames and journals"};
  app.add_option("--seed", settings.seed, "of the mutations");
  app.add_option("--cases", settings.cases, "how many")->take_last();
  app.add_option("--case", settings.only, "this one alone; its input is left in ./fuzz_case");
  CLI11_PARSE(app, argc, argv);
  try {
    return gaincell::characterize::Fuzzer(settings).run();
  } catch (const std::exception& error) {
    fmt::print(stderr, "fuzz: {}\n", error.what());
    return 2;
  }
}
