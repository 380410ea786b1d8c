#pragma once

#include <chrono>
#include <string>

namespace gaincell::cli {

// One line on standard error, drawn anew at most ten times a second, with the time left; nothing at
// all where standard error is no terminal. The line is wiped by the destructor.
class ProgressBar {
 public:
  explicit ProgressBar(std::string what);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // Share done, 0 .. 1.
  void show(double share);

 private:
  std::string what_;
  bool on_terminal_;
  std::chrono::steady_clock::time_point start_, drawn_;
};

}  // namespace gaincell::cli
