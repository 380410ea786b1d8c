#include "cli/run_journal.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "characterize/campaign/simulation.h"
#include "sweep/plan.h"

namespace gaincell::cli {
namespace {

using characterize::JobResult;

constexpr const char* kRunKind = "evaluation 1";

std::string run_header(const nlohmann::ordered_json& identity) {
  return json_text(nlohmann::ordered_json{{"kind", kRunKind}, {"identity", identity}});
}

// Error unless what stands under the journal's name is of this run.
std::string header_of_this(const std::filesystem::path& journal,
                           const nlohmann::ordered_json& identity, bool anew) {
  std::string own = run_header(identity);
  const auto found = characterize::journal_header(journal);
  if (!found || *found == own || anew) return own;
  const auto refuse = [&](const std::string& what) {
    throw Error({.place = journal.string(),
                 .rule = "is the journal of " + what,
                 .remedy = "choose another output, or begin anew with --fresh"});
  };
  const auto header = nlohmann::json::parse(*found, nullptr, false);
  if (!header.is_object() || header.value("kind", "") != kRunKind || !header.contains("identity"))
    refuse("something else than an evaluation");
  constexpr std::size_t kNamed = 4;
  refuse(fmt::format(
      "another evaluation: {}",
      fmt::join(sweep::differences(header.at("identity"), nlohmann::json(identity), kNamed),
                "; ")));
  return own;
}

std::filesystem::path journal_of(std::filesystem::path output) {
  output += ".journal";
  return output;
}

}  // namespace

RunJournal::RunJournal(const std::filesystem::path& output, const nlohmann::ordered_json& identity,
                       bool anew, double every_s)
    : path_(journal_of(output)),
      header_(header_of_this(path_, identity, anew)),
      anew_(anew),
      every_s_(every_s) {}

// A record's waveform is the figures that no record before it has, as many as its `steps`, and
// behind them all counts.
model::RunStore::Left RunJournal::left() {
  journal_.emplace(path_, header_);
  if (anew_) journal_->begin_anew();
  Left left;
  while (const JobResult* record = journal_->find(std::to_string(records_))) {
    if (record->waveforms.size() != 1 || record->waveforms[0].size() < record->steps)
      throw Error({.place = path_.string(),
                   .rule = fmt::format("record {} is none of an evaluation", records_),
                   .remedy = "begin anew with --fresh"});
    const auto middle = record->waveforms[0].begin() + static_cast<std::ptrdiff_t>(record->steps);
    left.figures.insert(left.figures.end(), record->waveforms[0].begin(), middle);
    left.counts.assign(middle, record->waveforms[0].end());
    ++records_;
  }
  known_figures_ = left.figures.size();
  return left;
}

void RunJournal::keep(std::span<const double> figures, std::span<const double> counts) {
  pending_.insert(pending_.end(), figures.begin(), figures.end());
  const double age_s = std::chrono::duration<double>(Clock::now() - written_).count();
  if (age_s >= every_s_ || characterize::stop_asked()) write(counts);
}

void RunJournal::write(std::span<const double> counts) {
  JobResult record;
  record.ok = true;
  record.steps = pending_.size();
  pending_.insert(pending_.end(), counts.begin(), counts.end());
  record.waveforms.push_back(std::exchange(pending_, {}));
  journal_->add(std::to_string(records_++), record);
  journal_->sync();
  written_ = Clock::now();
}

std::string RunJournal::note() const {
  if (known_figures_ == 0) return {};
  return fmt::format("went on from {}, which had {} figures of an interrupted run", path_.string(),
                     known_figures_);
}

void RunJournal::require_going_on() const {
  if (!characterize::stop_asked()) return;
  throw characterize::Interrupted(
      records_ > 0 ? "stopped; the journal is kept: the same command goes on from here"
                   : "stopped; nothing is done yet that the same command could go on from");
}

}  // namespace gaincell::cli
