#include "cli/progress_bar.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/process.h"

namespace gaincell::cli {

ProgressBar::ProgressBar(std::string what)
    : what_(std::move(what)),
      on_terminal_(::isatty(STDERR_FILENO) != 0),
      start_(std::chrono::steady_clock::now()) {}

ProgressBar::~ProgressBar() {
  if (on_terminal_ && drawn_ != std::chrono::steady_clock::time_point{}) tell("\r\033[K");
}

void ProgressBar::show(double share) {
  if (!on_terminal_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - drawn_ < std::chrono::milliseconds(100)) return;
  drawn_ = now;
  constexpr int kWidth = 30;
  const int filled = std::clamp(static_cast<int>(share * kWidth), 0, kWidth);
  const double spent = std::chrono::duration<double>(now - start_).count();
  const std::string left =
      share > 0.01 ? fmt::format("{:.0f} s left", spent * (1 - share) / share) : "";
  tell(fmt::format("\r\033[K{} [{}{}] {:3.0f} %  {}", what_, std::string(filled, '#'),
                   std::string(kWidth - filled, '.'), 100 * share, left));
}

}  // namespace gaincell::cli
