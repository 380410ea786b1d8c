#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "characterize/campaign/stop_signals.h"
#include "characterize/results/journal.h"
#include "model/passages.h"

namespace gaincell::cli {

// What a run of passages has answered, in a journal beside its output: append-only, each record
// with its checksum. From its making on SIGINT and SIGTERM are heeded by require_going_on() alone.
class RunJournal : public model::RunStore {
 public:
  // `identity`: all that the figures follow from. Error where a journal of something else stands
  // there, with what differs, unless `anew`. A record is written when the one before is so many
  // seconds old, and when a stop is asked for.
  RunJournal(const std::filesystem::path& output, const nlohmann::ordered_json& identity, bool anew,
             double every_s);

  Left left() override;
  void keep(std::span<const double> figures, std::span<const double> counts) override;
  // Throws characterize::Interrupted where a stop was asked for.
  void require_going_on() const;
  // A line for people where there was something to go on from; else empty.
  std::string note() const;
  // After the output stands.
  void remove() {
    if (journal_) journal_->remove();
  }

 private:
  using Clock = std::chrono::steady_clock;
  void write(std::span<const double> counts);

  characterize::StopSignals signals_;
  std::filesystem::path path_;
  std::string header_;
  bool anew_;
  std::optional<characterize::Journal> journal_;  // from left() on: no run, no file
  double every_s_;
  std::size_t records_ = 0, known_figures_ = 0;
  std::vector<double> pending_;  // figures that no record has yet
  Clock::time_point written_ = Clock::now();
};

}  // namespace gaincell::cli
