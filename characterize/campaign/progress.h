#pragma once

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include "characterize/job/job.h"

namespace gaincell::characterize {

// How far a campaign is.
struct ProgressCount {
  std::size_t total = 0;
  std::size_t known = 0;  // from a journal or the cache
  std::size_t done = 0;   // with those
  std::size_t failed = 0;
  double seconds = 0;
  const char* what = "simulations";  // that are counted
  double rate_per_s() const;
  double left_s() const;  // infinite where nothing was run yet
};

// Hears what a campaign does, to tell a person or a program. The base says nothing.
class Progress {
 public:
  virtual ~Progress() = default;
  virtual void warning(const std::string& /*bench*/, const std::string& /*text*/) {}
  virtual void begin(const ProgressCount&, std::size_t /*from_journal*/,
                     std::size_t /*from_cache*/) {}
  // `point`: what the simulation, or the first of several points that share it, is called.
  virtual void failed(const std::string& /*bench*/, const std::string& /*point*/,
                      const JobResult&) {}
  virtual void worker_lost(const std::string& /*reason*/) {}
  virtual void tick(const ProgressCount&) {}  // often
  virtual void end() {}
};

// Warnings alone.
std::unique_ptr<Progress> quiet_progress(std::FILE* out);
// A bar that redraws itself on a terminal, a plain line every `line_every_s` elsewhere.
std::unique_ptr<Progress> text_progress(std::FILE* out, double line_every_s = 10);
// One JSON object a line: docs/campaigns.md.
std::unique_ptr<Progress> json_progress(std::FILE* out);
// The same objects to a function, without line feeds.
std::unique_ptr<Progress> json_progress(std::function<void(const std::string& event)> take);

}  // namespace gaincell::characterize
