#include "characterize/worker/session.h"

#include <fmt/format.h>
#include <ngspice/sharedspice.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <span>

#include "base/units.h"
#include "characterize/waves.h"
#include "characterize/worker/crash_log.h"

namespace gaincell::characterize {
namespace {

constexpr std::size_t kLogLines = 40;

std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

struct Vector {
  std::vector<double> real;
  std::vector<double> imaginary;  // empty where it is real
};
using Vectors = std::map<std::string, Vector>;

// A noise run leaves two plots, the spectrum and then its totals; the spectrum is what is measured.
std::string plot_of(const Proof& proof) {
  const std::string current = ngSpice_CurPlot();
  if (proof.plot != "noise") return current.starts_with(proof.plot) ? current : std::string();
  for (char** plot = ngSpice_AllPlots(); plot != nullptr && *plot != nullptr; ++plot) {
    if (!std::string_view(*plot).starts_with(proof.plot)) continue;
    if (ngGet_Vec_Info(fmt::format("{}.onoise_spectrum", *plot).data()) != nullptr) return *plot;
  }
  return {};
}

Vectors vectors_of(const std::string& plot) {
  Vectors vectors;
  for (char** name = ngSpice_AllVecs(const_cast<char*>(plot.c_str()));
       name != nullptr && *name != nullptr; ++name) {
    std::string full = fmt::format("{}.{}", plot, *name);
    const vector_info* info = ngGet_Vec_Info(full.data());
    if (info == nullptr || info->v_length <= 0) continue;
    std::string key = *name;
    std::transform(key.begin(), key.end(), key.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    // Nets that are plain numbers carry their v(...).
    if (key.starts_with("v(") && key.ends_with(")")) key = key.substr(2, key.size() - 3);
    Vector vector;
    if (info->v_realdata != nullptr) {
      vector.real.assign(info->v_realdata, info->v_realdata + info->v_length);
    } else if (info->v_compdata != nullptr) {
      for (int k = 0; k < info->v_length; ++k) {
        vector.real.push_back(info->v_compdata[k].cx_real);
        vector.imaginary.push_back(info->v_compdata[k].cx_imag);
      }
    }
    if (!vector.real.empty()) vectors.emplace(std::move(key), std::move(vector));
  }
  return vectors;
}

// "db|out" or "m|a,b": computed once and kept in `parts`.
std::optional<std::span<const double>> complex_part(
    const Vectors& vectors, const std::string& name,
    std::map<std::string, std::vector<double>>& parts) {
  if (const auto known = parts.find(name); known != parts.end()) return known->second;
  const std::size_t bar = name.find('|');
  const std::string part = name.substr(0, bar);
  const std::string inside = name.substr(bar + 1);
  const std::size_t comma = inside.find(',');
  const auto of = [&](const std::string& net) -> const Vector* {
    const auto at = vectors.find(net);
    return at == vectors.end() || at->second.imaginary.empty() ? nullptr : &at->second;
  };
  const std::string second = comma == std::string::npos ? "0" : inside.substr(comma + 1);
  const Vector* plus = of(inside.substr(0, comma));
  const Vector* minus = second == "0" ? nullptr : of(second);
  if (plus == nullptr || (minus == nullptr && second != "0")) return std::nullopt;
  std::vector<double> values;
  for (std::size_t k = 0; k < plus->real.size(); ++k)
    values.push_back(part_of(part, plus->real[k] - (minus ? minus->real[k] : 0),
                             plus->imaginary[k] - (minus ? minus->imaginary[k] : 0)));
  return parts.emplace(name, std::move(values)).first->second;
}

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

Session::Session() {
  ngSpice_Init(on_text, on_status, on_exit, nullptr, nullptr, nullptr, this);
  // Device evaluation would use two threads, and two such processes on two cores take tens of times
  // longer than one.
  command("set num_threads=1");
  command("unset interactive");
  log_.clear();
  error_.clear();
  crash_log::install();  // after the library, which brings handlers of its own
}

std::string Session::ngspice_version() { return NGSPICE_PACKAGE_VERSION; }

// Lines come as "stdout text" or "stderr text"; progress pieces come without an end of line.
int Session::on_text(char* text, int, void* self) {
  static_cast<Session*>(self)->take_line(text);
  return 0;
}

int Session::on_exit(int status, bool, bool, int, void* self) {
  auto* session = static_cast<Session*>(self);
  session->usable_ = false;
  if (session->error_.empty())
    session->error_ = fmt::format("the simulator gave up (status {})", status);
  return 0;
}

void Session::take_line(const std::string& line) {
  const bool to_stderr = line.starts_with("stderr ");
  const std::string text = to_stderr || line.starts_with("stdout ") ? line.substr(7) : line;
  crash_log::add(text);
  log_.push_back(text);
  if (log_.size() > kLogLines) log_.pop_front();
  // After "Model issue on line 3 :" come the card and what is wrong with it.
  if (card_lines_ > 0 && !text.empty()) {
    error_ = card_lines_ == 2 ? text : error_ + ": " + text;
    --card_lines_;
  }
  if (contains(text, "can't allocate")) out_of_memory_ = true;
  if (!error_.empty()) return;
  const bool error = to_stderr && (text.starts_with("Error") || contains(text, "doAnalyses:") ||
                                   contains(text, "Undefined parameter") ||
                                   contains(text, "Too few parameters for subcircuit") ||
                                   contains(text, "Too many parameters for subcircuit"));
  // Accepted in silence otherwise: a misspelt model parameter keeps its default.
  const bool ignored =
      contains(text, "unrecognized parameter") || contains(text, "Model issue on line");
  if (error || ignored) {
    error_ = text;
    if (contains(text, "Model issue on line")) card_lines_ = 2;
    refused_ = ignored || !contains(text, "doAnalyses:");
  }
}

bool Session::command(const std::string& text) {
  std::string copy = text;
  ngSpice_Command(copy.data());
  return usable_;
}

void Session::set_behaviour(const std::string& behaviour) {
  if (behaviour == behaviour_) return;
  command(behaviour.empty() ? "unset ngbehavior" : "set ngbehavior=" + behaviour);
  behaviour_ = behaviour;
}

bool Session::load(const RunMessage& job) {
  const auto head = heads_.find(job.head);
  if (head == heads_.end()) {
    error_ = "the head of the deck was not sent";
    return false;
  }
  std::vector<std::string> own = split_lines(job.body);
  std::string title = job.title;
  std::string end = ".end";
  std::vector<char*> lines{title.data()};
  lines.reserve(head->second.size() + own.size() + 3);
  for (std::string& line : head->second) lines.push_back(line.data());
  for (std::string& line : own) lines.push_back(line.data());
  lines.push_back(end.data());
  lines.push_back(nullptr);
  ngSpice_Circ(lines.data());
  return usable_ && error_.empty();
}

bool Session::simulate() { return command("run") && error_.empty(); }

void Session::read(const RunMessage& job, JobResult& result) {
  const std::string plot = plot_of(job.proof);
  if (plot.empty()) {
    result.failure.reason =
        fmt::format("no {} results came (current plot: {})", job.proof.plot, ngSpice_CurPlot());
    return;
  }
  const Vectors vectors = vectors_of(plot);
  std::vector<double> scale{0};
  for (const auto& [name, vector] : vectors) {
    if (name == "time" || name == "frequency" || name.ends_with("-sweep")) scale = vector.real;
  }
  result.steps = scale.size();
  if (job.proof.count > 0 && scale.size() != job.proof.count) {
    result.failure.reason = fmt::format("{} of {} points came", scale.size(), job.proof.count);
    return;
  }
  if (job.proof.has_end &&
      std::abs(scale.back() - job.proof.end) > 1e-9 * std::abs(job.proof.end)) {
    result.failure.reason = fmt::format("the run ended at {} s of {} s", format_exact(scale.back()),
                                        format_exact(job.proof.end));
    return;
  }
  std::map<std::string, std::vector<double>> parts;
  const std::vector<double> whole = scale;
  Waves waves(std::move(scale),
              [&](const std::string& name) -> std::optional<std::span<const double>> {
                if (name.find('|') != std::string::npos) return complex_part(vectors, name, parts);
                const auto at = vectors.find(name);
                if (at == vectors.end() || !at->second.imaginary.empty()) return std::nullopt;
                return at->second.real;
              });
  for (const MeasureCall& call : job.calls) {
    double value = 0;
    std::string reason;
    try {
      value = measure(waves, call);
      if (!std::isfinite(value)) reason = "the result is no finite number";
    } catch (const NoResult& none) {
      reason = none.what();
    }
    result.values.push_back(value);
    result.reasons.push_back(reason);
  }
  if (!job.waveforms.empty()) result.waveforms.push_back(whole);
  for (const std::string& signal : job.waveforms) {
    try {
      const auto values = waves.signal(signal);
      result.waveforms.emplace_back(values.begin(), values.end());
    } catch (const NoResult& none) {
      result.failure.reason = none.what();
      return;
    }
  }
  result.ok = true;
}

void Session::set_head(const HeadMessage& head) { heads_[head.number] = split_lines(head.text); }

JobResult Session::run(const RunMessage& job) {
  JobResult result;
  result.id = job.id;
  log_.clear();
  crash_log::reset();
  error_.clear();
  card_lines_ = 0;
  refused_ = false;
  out_of_memory_ = false;
  const auto begin = std::chrono::steady_clock::now();
  set_behaviour(job.behaviour);
  const bool loaded = load(job);
  const bool ran = loaded && simulate();
  if (ran) read(job, result);
  if (!result.ok) {
    if (!error_.empty()) result.failure.reason = error_;
    if (contains(error_, "no data saved")) {
      std::vector<std::string> signals;
      for (const MeasureCall& call : job.calls)
        signals.insert(signals.end(), call.signals.begin(), call.signals.end());
      result.failure.reason =
          fmt::format("the circuit has nothing of what is measured ({})", fmt::join(signals, ", "));
    }
    if (result.failure.reason.empty()) result.failure.reason = "the simulator said nothing";
    result.failure.why = out_of_memory_        ? JobFailure::Why::kMemory
                         : !loaded || refused_ ? JobFailure::Why::kRefused
                                               : JobFailure::Why::kNoConvergence;
  }
  // Who wants waveforms looks into a run, and may want to see what the simulator said.
  if (!result.ok || !job.waveforms.empty()) result.failure.log_tail = log_tail();
  if (usable_) clean_up();
  result.simulator_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return result;
}

// Without remcirc each circuit stays, 174 kB of it; the library keeps a log of commands, which the
// null command frees.
void Session::clean_up() {
  command("destroy all");
  command("remcirc");
  ngSpice_Command(nullptr);
}

std::string Session::log_tail() const {
  std::string text;
  for (const std::string& line : log_) text += line + "\n";
  return text;
}

}  // namespace gaincell::characterize
