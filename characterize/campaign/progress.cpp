#include "characterize/campaign/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"

namespace gaincell::characterize {
namespace {

using Clock = std::chrono::steady_clock;

std::string clock_text(double seconds) {
  const auto whole = std::lround(seconds);
  if (whole >= 3600)
    return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

std::string line(const ProgressCount& count) {
  std::string text =
      fmt::format("{}/{} {}, {:.3g}/s", count.done, count.total, count.what, count.rate_per_s());
  if (count.rate_per_s() > 0 && count.done < count.total)
    text += fmt::format(", {} left", clock_text(count.left_s()));
  if (count.failed > 0) text += fmt::format(", {} failed", count.failed);
  return text;
}

// What can't be written is not worth a campaign; who started it asks the stream at the end.
void put(std::FILE* out, const std::string& text) {
  (void)!std::fwrite(text.data(), 1, text.size(), out);
  std::fflush(out);
}

// Lets a call through when its time has come.
class Every {
 public:
  explicit Every(double seconds) : seconds_(seconds) {}
  bool due() {
    const auto now = Clock::now();
    if (std::chrono::duration<double>(now - last_).count() < seconds_) return false;
    last_ = now;
    return true;
  }

 private:
  double seconds_;
  Clock::time_point last_ = Clock::now();
};

class QuietProgress : public Progress {
 public:
  explicit QuietProgress(std::FILE* out) : out_(out) {}
  void warning(const std::string& bench, const std::string& text) override {
    put(out_, fmt::format("gaincell: warning: {}: {}\n", bench, text));
  }

 protected:
  std::FILE* out_;
};

class LineProgress : public QuietProgress {
 public:
  LineProgress(std::FILE* out, double every_s) : QuietProgress(out), every_(every_s) {}
  void tick(const ProgressCount& count) override {
    if (!every_.due()) return;
    put(out_, line(count) + "\n");
  }

 private:
  Every every_;
};

class BarProgress : public QuietProgress {
 public:
  explicit BarProgress(std::FILE* out) : QuietProgress(out) {}
  ~BarProgress() override { erase(); }
  void tick(const ProgressCount& count) override {
    if (!every_.due()) return;
    constexpr std::size_t kWidth = 30;
    const std::size_t full = count.total == 0 ? kWidth : kWidth * count.done / count.total;
    put(out_, fmt::format("\r[{:#<{}}{:.<{}}] {}\x1b[K", "", full, "", kWidth - full, line(count)));
    drawn_ = true;
  }
  void end() override { erase(); }

 private:
  void erase() {
    if (!drawn_) return;
    put(out_, "\r\x1b[K");
    drawn_ = false;
  }
  bool drawn_ = false;
  Every every_{0.2};
};

class JsonProgress : public Progress {
 public:
  using Take = std::function<void(const std::string& event)>;
  explicit JsonProgress(Take take) : take_(std::move(take)) {}
  void warning(const std::string& bench, const std::string& text) override {
    print({{"event", "warning"}, {"bench", bench}, {"text", text}});
  }
  void begin(const ProgressCount& count, std::size_t from_journal,
             std::size_t from_cache) override {
    print({{"event", "begin"},
           {"simulations", count.total},
           {"from_journal", from_journal},
           {"from_cache", from_cache}});
  }
  void failed(const std::string& bench, const std::string& point,
              const JobResult& result) override {
    print({{"event", "failure"},
           {"bench", bench},
           {"job", result.id},
           {"point", point},
           {"kind", name_of(result.failure.why)},
           {"reason", result.failure.reason},
           {"log_tail", result.failure.log_tail}});
  }
  void worker_lost(const std::string& reason) override {
    print({{"event", "worker_lost"}, {"reason", reason}});
  }
  void tick(const ProgressCount& count) override {
    if (!every_.due()) return;
    nlohmann::ordered_json event{{"event", "progress"},
                                 {"done", count.done},
                                 {"simulations", count.total},
                                 {"failed", count.failed},
                                 {"rate_per_s", count.rate_per_s()}};
    if (count.rate_per_s() > 0) event["left_s"] = count.left_s();
    print(event);
  }

 private:
  void print(const nlohmann::ordered_json& event) {
    // What a simulator printed need not be UTF-8.
    take_(json_text(event));
  }
  Take take_;
  Every every_{1};
};

}  // namespace

double ProgressCount::rate_per_s() const {
  return seconds > 0 ? static_cast<double>(done - known) / seconds : 0;
}

double ProgressCount::left_s() const {
  const double rate = rate_per_s();
  return rate > 0 ? static_cast<double>(total - done) / rate
                  : std::numeric_limits<double>::infinity();
}

std::unique_ptr<Progress> quiet_progress(std::FILE* out) {
  return std::make_unique<QuietProgress>(out);
}

std::unique_ptr<Progress> text_progress(std::FILE* out, double line_every_s) {
  if (::isatty(::fileno(out)) == 1) return std::make_unique<BarProgress>(out);
  return std::make_unique<LineProgress>(out, line_every_s);
}

std::unique_ptr<Progress> json_progress(std::FILE* out) {
  return json_progress([out](const std::string& event) { put(out, event + "\n"); });
}

std::unique_ptr<Progress> json_progress(std::function<void(const std::string& event)> take) {
  return std::make_unique<JsonProgress>(std::move(take));
}

}  // namespace gaincell::characterize
