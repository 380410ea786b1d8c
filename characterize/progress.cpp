#include "characterize/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

namespace gaincell::characterize {
namespace {

std::string clock_text(double seconds) {
  const auto whole = std::lround(seconds);
  if (whole >= 3600)
    return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

}  // namespace

Progress::Progress(std::FILE* out, std::size_t total, std::size_t already_done)
    : out_(out),
      terminal_(out != nullptr && ::isatty(::fileno(out)) == 1),
      total_(total),
      first_(already_done),
      done_(already_done),
      begin_(std::chrono::steady_clock::now()),
      last_(begin_) {}

Progress::~Progress() { finish(); }

void Progress::job_done(bool ok) {
  ++done_;
  if (!ok) ++failed_;
}

std::string Progress::line() const {
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  const double rate = seconds > 0 ? static_cast<double>(done_ - first_) / seconds : 0;
  std::string text = fmt::format("{}/{} simulations, {:.3g}/s", done_, total_, rate);
  if (rate > 0 && done_ < total_)
    text += fmt::format(", {} left", clock_text(static_cast<double>(total_ - done_) / rate));
  if (failed_ > 0) text += fmt::format(", {} failed", failed_);
  return text;
}

void Progress::draw() {
  if (out_ == nullptr) return;
  const auto now = std::chrono::steady_clock::now();
  const double since = std::chrono::duration<double>(now - last_).count();
  if (since < (terminal_ ? 0.2 : 10.0)) return;
  last_ = now;
  drawn_ = true;
  if (!terminal_) {
    fmt::print(out_, "{}\n", line());
    std::fflush(out_);
    return;
  }
  constexpr std::size_t kWidth = 30;
  const std::size_t full = total_ == 0 ? kWidth : kWidth * done_ / total_;
  fmt::print(out_, "\r[{:#<{}}{:.<{}}] {}\x1b[K", "", full, "", kWidth - full, line());
  std::fflush(out_);
}

void Progress::finish() {
  if (out_ != nullptr && drawn_ && terminal_) {
    fmt::print(out_, "\r\x1b[K");
    std::fflush(out_);
  }
  drawn_ = false;
}

}  // namespace gaincell::characterize
