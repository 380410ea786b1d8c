#include "sweep/sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/printable.h"
#include "characterize/campaign/stop_signals.h"
#include "characterize/results/journal.h"
#include "sweep/results.h"

namespace gaincell::sweep {
namespace {

using characterize::JobFailure;
using characterize::JobResult;
using characterize::Journal;
using characterize::Shard;
using Clock = std::chrono::steady_clock;

constexpr const char* kHeaderKind = "study 1";
constexpr std::size_t kReasons = 10;
constexpr std::size_t kReasonBytes = 400;

// Runs of a journal are told apart by their number: its header says what they are of.
std::string key_of(std::size_t run) { return fmt::format("{}", run); }

std::string header_of(const StudyPlan& plan, const Shard& shard) {
  return json_text(nlohmann::ordered_json{
      {"kind", kHeaderKind}, {"shard", shard.name()}, {"plan", plan.to_json()}});
}

// None where the header is of something else than a study.
std::optional<nlohmann::json> parse_header(const std::string& header) {
  const auto parsed = nlohmann::json::parse(header, nullptr, false);
  if (!parsed.is_object() || parsed.value("kind", "") != kHeaderKind) return std::nullopt;
  return parsed;
}

JobResult job_result(const RunResult& run) {
  JobResult result;
  result.ok = run.ok;
  if (!run.ok) {
    result.failure = {JobFailure::Why::kRefused, run.reason, ""};
    return result;
  }
  result.values = run.values;
  for (const double value : run.values)
    result.reasons.emplace_back(std::isfinite(value) ? "" : "not known");
  return result;
}

RunResult run_result(const JobResult& result) {
  if (result.ok && result.values.size() == figures().size())
    return {.ok = true, .reason = {}, .values = result.values};
  return {.ok = false, .reason = result.failure.reason, .values = {}};
}

// Error unless what stands under the journal's name is of this study and shard. The header to go
// on with, which may say the same study by other paths.
std::string header_to_go_on(const std::filesystem::path& journal, const StudyPlan& plan,
                            const Shard& shard) {
  std::string own = header_of(plan, shard);
  const auto found = characterize::journal_header(journal);
  if (!found || *found == own) return own;
  const auto refuse = [&](const std::string& what) {
    throw Error({.place = journal.string(),
                 .rule = "is the journal of " + what,
                 .remedy = "choose another output, or begin anew with --fresh"});
  };
  const auto header = parse_header(*found);
  if (!header) refuse("something else than a study");
  if (header->at("shard") != shard.name())
    refuse(fmt::format("shard {} of this study", header->at("shard").get<std::string>()));
  constexpr std::size_t kNamed = 4;
  const std::vector<std::string> unlike =
      differences(header->at("plan").at("identity"), nlohmann::json(plan.identity), kNamed);
  if (!unlike.empty()) refuse(fmt::format("another study: {}", fmt::join(unlike, "; ")));
  return *found;
}

void count_failure(const StudyPlan& plan, std::size_t run, const std::string& reason,
                   SweepReport& report) {
  ++report.failed;
  SweepReport::Failure& failure = report.failures[reason];
  if (failure.runs++ == 0) failure.first = plan.run_name(run);
}

// The runs of one shard that no journal knows.
class StudyRun {
 public:
  StudyRun(const StudyPlan& plan, const SweepOptions& options, Journal& journal)
      : plan_(plan),
        options_(options),
        journal_(journal),
        progress_(options.progress != nullptr ? *options.progress : silent_),
        results_(plan.runs()) {
    count_.what = "runs";
  }

  void run(SweepReport& report) {
    for (std::size_t run = 0; run < plan_.runs(); ++run) {
      if (!options_.shard.has(run)) continue;
      ++count_.total;
      if (const JobResult* known = journal_.find(key_of(run))) {
        results_[run] = run_result(*known);
        ++count_.done;
        if (!results_[run]->ok) ++count_.failed;
      } else {
        missing_.push_back(run);
      }
    }
    count_.known = report.from_journal = count_.done;
    progress_.begin(count_, report.from_journal, 0);
    {
      const std::size_t threads =
          std::clamp<std::size_t>(missing_.size(), 1, std::max(1u, options_.jobs));
      std::vector<std::jthread> workers;
      for (std::size_t k = 1; k < threads; ++k) workers.emplace_back([this] { work(); });
      work();
    }
    progress_.end();
    if (broken_) std::rethrow_exception(broken_);
    report.runs = count_.total;
    for (std::size_t run = 0; run < plan_.runs(); ++run)
      if (results_[run] && !results_[run]->ok)
        count_failure(plan_, run, results_[run]->reason, report);
    report.interrupted = characterize::stop_asked();
    report.seconds = seconds();
  }

  std::vector<RunResult> results() const {
    std::vector<RunResult> all;
    for (const auto& one : results_) all.push_back(one.value_or(RunResult{}));
    return all;
  }

 private:
  void work() {
    for (;;) {
      std::size_t run = 0;
      {
        const std::lock_guard lock(mutex_);
        if (missing_.empty() || broken_ || characterize::stop_asked()) return;
        run = missing_.front();
        missing_.pop_front();
      }
      try {
        take(run, evaluate(run));
      } catch (const Stopped&) {
        return;
      } catch (...) {  // of the journal: no point in going on
        const std::lock_guard lock(mutex_);
        broken_ = std::current_exception();
        return;
      }
    }
  }

  RunResult evaluate(std::size_t run) {
    try {
      return {.ok = true, .reason = {}, .values = options_.evaluate(run, [this] {
                const std::lock_guard lock(mutex_);
                show();
              })};
    } catch (const Error& error) {
      return {.ok = false, .reason = error.what(), .values = {}};
    }
  }

  void take(std::size_t run, RunResult result) {
    const std::lock_guard lock(mutex_);
    const JobResult journaled = job_result(result);
    journal_.add(key_of(run), journaled);
    journal_.sync();
    ++count_.done;
    if (!result.ok) {
      ++count_.failed;
      progress_.failed(plan_.name, plan_.run_name(run), journaled);
    }
    results_[run] = std::move(result);
    show();
  }

  void show() {
    count_.seconds = seconds();
    progress_.tick(count_);
  }
  double seconds() const { return std::chrono::duration<double>(Clock::now() - begin_).count(); }

  const StudyPlan& plan_;
  const SweepOptions& options_;
  Journal& journal_;
  characterize::Progress silent_;
  characterize::Progress& progress_;
  std::mutex mutex_;  // of all below, and of journal and progress
  std::deque<std::size_t> missing_;
  std::vector<std::optional<RunResult>> results_;
  characterize::ProgressCount count_;
  std::exception_ptr broken_;
  Clock::time_point begin_ = Clock::now();
};

struct StudyShard {
  std::string path;
  Shard shard;
  StudyPlan plan;
  characterize::KnownResults results;
};

StudyShard read_study_shard(const std::string& path) {
  characterize::ClosedJournal journal = characterize::read_journal(path);
  const auto header = parse_header(journal.header);
  if (!header)
    throw Error({.place = path,
                 .rule = "is no shard of a study",
                 .remedy = "give the outputs of `gaincell sweep --shard k/n`"});
  return {.path = path,
          .shard = characterize::parse_shard(header->at("shard").get<std::string>()),
          .plan = StudyPlan::from_json(header->at("plan")),
          .results = std::move(journal.results)};
}

// Throws where these are not all shards of one study, each once.
void check_complete(const std::vector<StudyShard>& shards) {
  const StudyShard& first = shards.front();
  std::vector<const StudyShard*> by_index(first.shard.count, nullptr);
  for (const StudyShard& one : shards) {
    if (one.shard.count != first.shard.count)
      throw Error({.place = one.path,
                   .rule = fmt::format("is of {} shards, {} of {}", one.shard.count, first.path,
                                       first.shard.count)});
    const auto unlike =
        differences(nlohmann::json(first.plan.identity), nlohmann::json(one.plan.identity), 4);
    if (!unlike.empty())
      throw Error({.place = one.path,
                   .rule = fmt::format("is of another study than {}: {}", first.path,
                                       fmt::join(unlike, "; ")),
                   .remedy = "merge the shards of one study, made with one program"});
    const StudyShard*& place = by_index.at(one.shard.index - 1);
    if (place != nullptr)
      throw Error(
          {.place = one.path,
           .rule = fmt::format("is shard {} again, after {}", one.shard.name(), place->path),
           .remedy = "give each shard once"});
    place = &one;
  }
  std::vector<std::string> missing;
  for (std::size_t k = 0; k < by_index.size(); ++k)
    if (by_index[k] == nullptr) missing.push_back(std::to_string(k + 1));
  if (!missing.empty())
    throw Error({.place = "gaincell merge",
                 .rule = fmt::format("of {} shards these are missing: {}", by_index.size(),
                                     fmt::join(missing, ", ")),
                 .remedy = "run them with --shard k/n, then merge all"});
}

}  // namespace

SweepReport run_study(const StudyPlan& plan, const SweepOptions& options) {
  require_output(options.output);
  auto journal_path = options.output;
  journal_path += ".journal";
  const std::string header = options.resume ? header_to_go_on(journal_path, plan, options.shard)
                                            : header_of(plan, options.shard);
  // Its paths are those that the earlier run wrote into its shard, and will be the file's.
  const StudyPlan kept = StudyPlan::from_json(nlohmann::json::parse(header).at("plan"));
  SweepReport report;
  report.output = options.output.string();
  report.shard = options.shard;
  report.points = plan.points.size();
  const characterize::StopSignals signals;
  Journal journal(journal_path, header);
  if (!options.resume) journal.begin_anew();
  StudyRun run(kept, options, journal);
  run.run(report);
  if (report.interrupted) {
    journal.sync();
    return report;
  }
  if (!options.shard.whole()) {
    journal.become(options.output);
    return report;
  }
  write_results(options.output, kept, run.results());
  journal.remove();
  return report;
}

bool is_study_shard(const std::filesystem::path& path) {
  const auto header = characterize::journal_header(path);
  return header && parse_header(*header);
}

SweepReport merge_studies(const std::vector<std::string>& paths,
                          const std::filesystem::path& output) {
  std::vector<StudyShard> shards;
  for (const std::string& path : paths) shards.push_back(read_study_shard(path));
  require_output(output);
  check_complete(shards);
  std::sort(shards.begin(), shards.end(),
            [](const StudyShard& a, const StudyShard& b) { return a.shard.index < b.shard.index; });
  const StudyPlan& plan = shards.front().plan;
  SweepReport report;
  report.output = output.string();
  report.points = plan.points.size();
  report.runs = plan.runs();
  std::vector<RunResult> results(plan.runs());
  for (std::size_t run = 0; run < plan.runs(); ++run) {
    const StudyShard& shard = shards[run % shards.size()];
    const auto found = shard.results.find(key_of(run));
    if (found == shard.results.end())
      throw Error({.place = shard.path,
                   .rule = fmt::format("lacks {}: it is not finished", plan.run_name(run)),
                   .remedy = fmt::format("run --shard {} again: it goes on from there",
                                         shard.shard.name())});
    results[run] = run_result(found->second);
    if (!results[run].ok) count_failure(plan, run, results[run].reason, report);
  }
  write_results(output, plan, results);
  return report;
}

std::string SweepReport::brief() const {
  std::string text;
  if (interrupted) text += "stopped; the journal is kept: the same command goes on from here\n";
  if (!shard.whole()) text += fmt::format("shard {}: ", shard.name());
  text += fmt::format("{} points in {} runs", points, runs);
  if (failed > 0) text += fmt::format(", {} FAILED", failed);
  if (from_journal > 0)
    text += fmt::format(", {} from the journal of an interrupted run", from_journal);
  if (seconds > 0) text += fmt::format(", in {:.3g} s", seconds);
  text += "\n";
  std::size_t spelt_out = 0;
  for (const auto& [reason, failure] : failures) {
    if (spelt_out++ == kReasons) break;
    text += fmt::format("  {} x {} ({}{})\n", failure.runs, printable(reason, kReasonBytes),
                        failure.runs > 1 ? "first: " : "", failure.first);
  }
  if (failures.size() > kReasons)
    text += fmt::format("  and {} more reasons\n", failures.size() - kReasons);
  return text;
}

std::string SweepReport::to_json() const {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const auto& [reason, failure] : failures)
    all.push_back({{"reason", reason}, {"runs", failure.runs}, {"first", failure.first}});
  return json_text(nlohmann::ordered_json{{"event", interrupted ? "interrupted" : "end"},
                                          {"ok", ok()},
                                          {"output", output},
                                          {"shard", shard.name()},
                                          {"points", points},
                                          {"runs", runs},
                                          {"failed", failed},
                                          {"from_journal", from_journal},
                                          {"seconds", seconds},
                                          {"failures", std::move(all)}});
}

}  // namespace gaincell::sweep
