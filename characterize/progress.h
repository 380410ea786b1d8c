#pragma once

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string>

namespace gaincell::characterize {

// How far a campaign is: a bar that redraws itself on a terminal, a plain line now and then
// elsewhere, nothing where `out` is null.
class Progress {
 public:
  Progress(std::FILE* out, std::size_t total, std::size_t already_done);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void job_done(bool ok);
  void draw();  // cheap; call often
  void finish();

 private:
  std::string line() const;
  std::FILE* out_;
  bool terminal_ = false;
  std::size_t total_;
  std::size_t first_;
  std::size_t done_;
  std::size_t failed_ = 0;
  std::chrono::steady_clock::time_point begin_;
  std::chrono::steady_clock::time_point last_;
  bool drawn_ = false;
};

}  // namespace gaincell::characterize
