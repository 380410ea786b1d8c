// The harness beside plain ngspice: one campaign of 2,250 read pulses of a gain cell, through
// `characterize` as a user runs it (bench read, decks planned, journal and samples file written)
// and through `ngspice -b`, one process a deck, on the same decks. What it does not measure:
// reading the results of plain ngspice, which ours includes.
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <atomic>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/version.h"
#include "characterize/campaign/campaign.h"
#include "characterize/plan/plan.h"
#include "characterize/pool/scratch_folder.h"

namespace gaincell::characterize {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : 0.5 * (values[half - 1] + values[half]);
}

struct Timing {
  std::size_t points = 0;
  std::vector<double> wall_s;
  std::vector<double> over_ideal;  // wall / (sum of the simulators' own time / workers)
  double per_second() const { return static_cast<double>(points) / median(wall_s); }
};

PoolOptions pool_options(std::size_t workers) {
  PoolOptions options;
  options.worker = std::filesystem::path(GAINCELL_BINARY_DIR) / "bin" / "gaincell-worker";
  options.workers = workers;
  return options;
}

void run_campaign(const std::string& bench, std::size_t workers, Timing& timing) {
  const ScratchFolder folder;
  CampaignOptions options;
  options.benches = {bench};
  options.output = folder.path() / "samples.h5";
  options.pool = pool_options(workers);
  const auto begin = Clock::now();
  const CampaignReport report = characterize(options);
  const double wall_s = seconds_since(begin);
  if (!report.ok()) throw Error({.place = bench, .rule = "points failed:\n" + report.brief()});
  timing.points = report.benches[0].points;
  timing.wall_s.push_back(wall_s);
  timing.over_ideal.push_back(wall_s / (report.pool.simulator_s / static_cast<double>(workers)));
}

// One deck through a process of its own. With `threads` empty ngspice takes its default.
void run_plain(const std::string& deck, const std::string& raw, const std::string& threads) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  std::vector<std::string> words{"ngspice", "-b", "-r", raw, deck};
  std::vector<std::string> environment{"PATH=/usr/bin:/bin", "HOME=/nonexistent"};
  // What ngspice itself offers (`set num_threads=1` in a start-up file) costs it a file more.
  if (!threads.empty()) environment.push_back("OMP_THREAD_LIMIT=" + threads);
  std::vector<char*> argv;
  std::vector<char*> envp;
  for (std::string& word : words) argv.push_back(word.data());
  for (std::string& one : environment) envp.push_back(one.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, "ngspice", &actions, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0)
    throw Error({.place = "ngspice", .rule = "could not be started", .remedy = "./dev setup"});
  int status = 0;
  ::waitpid(child, &status, 0);
  if (status != 0) throw Error({.place = deck, .rule = "plain ngspice failed on it"});
}

void run_plain_campaign(const std::vector<Job>& jobs, const std::string& threads, Timing& timing) {
  const ScratchFolder folder;
  std::vector<std::string> decks;
  for (const Job& job : jobs) {
    decks.push_back((folder.path() / fmt::format("{}.cir", job.id)).string());
    std::ofstream(decks.back()) << job.deck(false);
  }
  std::atomic<std::size_t> next{0};
  const auto begin = Clock::now();
  std::array<std::thread, 2> side_by_side;
  for (std::size_t k = 0; k < side_by_side.size(); ++k) {
    side_by_side[k] = std::thread([&, k] {
      const std::string raw = (folder.path() / fmt::format("{}.raw", k)).string();
      for (std::size_t at = next++; at < decks.size(); at = next++)
        run_plain(decks[at], raw, threads);
    });
  }
  for (std::thread& thread : side_by_side) thread.join();
  timing.points = jobs.size();
  timing.wall_s.push_back(seconds_since(begin));
}

std::size_t worker_growth(const std::vector<Job>& jobs, std::size_t count) {
  std::vector<const Job*> order;
  for (std::size_t k = 0; k < count; ++k) order.push_back(&jobs[k % jobs.size()]);
  PoolOptions options = pool_options(1);
  options.recycle_jobs = count + 1;
  PoolListener listener;
  listener.done = [](const Job&, const JobResult&) {};
  listener.tick = [] { return true; };
  return Pool(options).run(order, listener).worker_growth_bytes;
}

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

struct Settings {
  bool json = false;
  std::size_t repetitions = 1;
  std::size_t default_thread_decks = 40;
  std::size_t growth_jobs = 10'000;
};

nlohmann::ordered_json benchmark(const Settings& options) {
  const std::string path =
      (std::filesystem::path(GAINCELL_SOURCE_DIR) / "tests/bench/harness/read_charge.yaml")
          .string();
  const std::unique_ptr<const Bench> bench = read_bench(path);
  const std::vector<Job> jobs = make_plan(*bench, bench_points(*bench)).jobs;
  const std::vector<Job> some(jobs.begin(), jobs.begin() + options.default_thread_decks);
  const auto note = [](const char* what) { fmt::print(stderr, "{} ...\n", what); };

  Timing one, two, crowded, plain, plain_default;
  for (std::size_t k = 0; k < options.repetitions; ++k) {
    note("gaincell, 1 worker");
    run_campaign(path, 1, one);
    note("gaincell, 2 workers");
    run_campaign(path, 2, two);
    note("ngspice -b, one thread each, two side by side");
    run_plain_campaign(jobs, "1", plain);
  }
  note("ngspice -b, its default threads, two side by side");
  run_plain_campaign(some, "", plain_default);
  note("gaincell, 2 workers, where the environment asks for 8 threads");
  for (const char* name : {"OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "GOMP_SPINCOUNT"})
    ::setenv(name, "8", 1);
  run_campaign(path, 2, crowded);
  note("memory of one worker");
  const std::size_t growth = worker_growth(jobs, options.growth_jobs);

  utsname system{};
  ::uname(&system);
  return {
      {"machine", fmt::format("{}, {} cores, {} {}", processor(),
                              std::thread::hardware_concurrency(), system.sysname, system.release)},
      {"gaincell_version", kVersion},
      {"ngspice_version", Pool(pool_options(1)).ngspice_version()},
      {"points", jobs.size()},
      {"repetitions", options.repetitions},
      {"points_per_second_1_worker", one.per_second()},
      {"points_per_second_2_workers", two.per_second()},
      {"points_per_second_2_workers_environment_asks_8_threads", crowded.per_second()},
      {"points_per_second_ngspice_batch", plain.per_second()},
      {"points_per_second_ngspice_batch_default_threads", plain_default.per_second()},
      {"default_threads_decks", some.size()},
      {"wall_over_ideal_1_worker", median(one.over_ideal)},
      {"wall_over_ideal_2_workers", median(two.over_ideal)},
      {"ratio_to_ngspice_batch", two.per_second() / plain.per_second()},
      {"ratio_to_ngspice_batch_default_threads", two.per_second() / plain_default.per_second()},
      {"worker_growth_jobs", options.growth_jobs},
      {"worker_growth_bytes", growth}};
}

void print_table(const nlohmann::ordered_json& r) {
  const auto number = [&](const char* key) { return r.at(key).get<double>(); };
  fmt::print("{}\ngaincell {}, ngspice {}; {} points, median of {}\n\n",
             r["machine"].get<std::string>(), r["gaincell_version"].get<std::string>(),
             r["ngspice_version"].get<std::string>(), r["points"].get<std::size_t>(),
             r["repetitions"].get<std::size_t>());
  const auto row = [&](const std::string& name, const char* rate) {
    fmt::print("{:<58}{:>8.1f} points/s\n", name, number(rate));
  };
  row("gaincell, 1 worker", "points_per_second_1_worker");
  row("gaincell, 2 workers", "points_per_second_2_workers");
  row("gaincell, 2 workers, environment asks for 8 threads",
      "points_per_second_2_workers_environment_asks_8_threads");
  row("ngspice -b, one thread each, two side by side", "points_per_second_ngspice_batch");
  row(fmt::format("ngspice -b, default threads, two side by side ({} decks)",
                  r["default_threads_decks"].get<std::size_t>()),
      "points_per_second_ngspice_batch_default_threads");
  fmt::print(
      "\n{:<58}{:>8.3f}\n{:<58}{:>8.3f}\n", "wall / (simulators' own time / workers), 1 worker",
      number("wall_over_ideal_1_worker"), "wall / (simulators' own time / workers), 2 workers",
      number("wall_over_ideal_2_workers"));
  fmt::print("{:<58}{:>8.2f}\n{:<58}{:>8.1f}\n", "2 workers over ngspice -b, one thread each",
             number("ratio_to_ngspice_batch"), "2 workers over ngspice -b, default threads",
             number("ratio_to_ngspice_batch_default_threads"));
  fmt::print("{:<58}{:>8.2f} MB\n",
             fmt::format("memory growth of a worker over {} jobs",
                         r["worker_growth_jobs"].get<std::size_t>()),
             number("worker_growth_bytes") / 1e6);
}

}  // namespace
}  // namespace gaincell::characterize

int main(int argc, char** argv) {
  CLI::App app{"campaigns through the harness beside plain ngspice"};
  gaincell::characterize::Settings options;
  app.add_flag("--json", options.json, "one JSON object instead of a table");
  app.add_option("--repetitions", options.repetitions, "of the campaigns; the median counts")
      ->check(CLI::PositiveNumber);
  app.add_option("--default-thread-decks", options.default_thread_decks,
                 "decks for ngspice with its default threads")
      ->check(CLI::Range(1, 2000));
  app.add_option("--growth-jobs", options.growth_jobs, "jobs of one worker for its memory")
      ->check(CLI::Range(100, 1'000'000));
  CLI11_PARSE(app, argc, argv);
  try {
    const auto result = gaincell::characterize::benchmark(options);
    if (options.json) {
      fmt::print("{}\n", result.dump(2));
    } else {
      gaincell::characterize::print_table(result);
    }
  } catch (const gaincell::Error& error) {
    fmt::print(stderr, "harness_bench: error: {}\n", error.what());
    return 2;
  }
  return 0;
}
