#include "characterize/worker/session.h"

#include <fmt/format.h>
#include <ngspice/sharedspice.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <span>

#include "base/text.h"
#include "base/units.h"
#include "characterize/measure/waves.h"
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
    std::string key = lower(*name);
    // Nets that are plain numbers carry their v(...).
    if (key.starts_with("v(") && key.ends_with(")")) key = key.substr(2, key.size() - 3);
    // BSIM4 says onoise.m1 where all other models say onoise_m1.
    if (key.starts_with("onoise.") || key.starts_with("inoise.")) key[6] = '_';
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

// Without the points beyond the end, where a run goes on behind it. Between two points of a noise
// density, which is all that has none at the end itself, lies a power of the frequency.
void cut(Vectors& vectors, std::vector<double>& scale, double end) {
  const auto beyond =
      std::find_if(scale.begin(), scale.end(), [end](double x) { return x > end * (1 + 1e-9); });
  if (beyond == scale.end()) return;
  auto keep = static_cast<std::size_t>(beyond - scale.begin());
  if (keep == 0) return;
  const std::size_t length = scale.size();
  const bool between = scale[keep - 1] < end * (1 - 1e-9);
  const double part =
      between ? std::log(end / scale[keep - 1]) / std::log(scale[keep] / scale[keep - 1]) : 0;
  for (auto& [name, vector] : vectors) {
    for (std::vector<double>* values : {&vector.real, &vector.imaginary}) {
      if (values->size() != length) continue;
      const double before = (*values)[keep - 1];
      const double after = (*values)[keep];
      values->resize(keep);
      if (between)
        values->push_back(before > 0 && after > 0 ? before * std::pow(after / before, part)
                                                  : before + (after - before) * part);
    }
  }
  scale.resize(keep);
  if (between) scale.push_back(end);
}

// The vectors of a finished run as what measurements are read off: one pass of the innermost sweep
// each, along rising values.
class Run {
 public:
  Run(const Vectors& vectors, const std::vector<double>& scale, const std::vector<double>& axis)
      : vectors_(vectors), scale_(axis.empty() ? scale : axis) {
    down_ = scale_.size() > 1 && scale_.front() > scale_.back();
    if (down_) std::reverse(scale_.begin(), scale_.end());
  }

  Waves& pass(const MeasureCall& call) {
    return pass(static_cast<std::size_t>(call.number("pass", 0)));
  }

  // The scale and then these signals, of a run of one pass.
  std::vector<std::vector<double>> whole(const std::vector<std::string>& signals) {
    std::vector<std::vector<double>> all(signals.size() + 1);
    std::size_t length = 0;
    for (const auto& [name, vector] : vectors_) length = std::max(length, vector.real.size());
    for (std::size_t k = 0; k < std::max<std::size_t>(length / scale_.size(), 1); ++k) {
      all[0].insert(all[0].end(), scale_.begin(), scale_.end());
      for (std::size_t s = 0; s < signals.size(); ++s) {
        const auto values = pass(k).signal(signals[s]);
        all[s + 1].insert(all[s + 1].end(), values.begin(), values.end());
      }
    }
    return all;
  }

 private:
  Waves& pass(std::size_t number) {
    const auto known = passes_.find(number);
    if (known != passes_.end()) return known->second;
    return passes_
        .emplace(
            number,
            Waves(scale_, [this, number](const std::string& name) { return vector(name, number); }))
        .first->second;
  }

  std::optional<std::span<const double>> vector(const std::string& name, std::size_t number) {
    std::optional<std::span<const double>> all;
    if (name.find('|') != std::string::npos) {
      all = complex_part(vectors_, name, parts_);
    } else if (const auto at = vectors_.find(name);
               at != vectors_.end() && at->second.imaginary.empty()) {
      all = at->second.real;
    }
    if (!all || all->size() < (number + 1) * scale_.size()) return std::nullopt;
    if (number == 0 && all->size() == scale_.size() && !down_) return all;
    const auto own = all->subspan(number * scale_.size(), scale_.size());
    if (!down_) return own;
    auto& turned = turned_[{name, number}];
    if (turned.empty()) turned.assign(own.rbegin(), own.rend());
    return turned;
  }

  const Vectors& vectors_;
  std::vector<double> scale_;
  bool down_ = false;
  std::map<std::size_t, Waves> passes_;
  std::map<std::string, std::vector<double>> parts_;
  std::map<std::pair<std::string, std::size_t>, std::vector<double>> turned_;
};

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

Session::Session(const std::vector<std::string>& code_models, bool wanted)
    : lacks_code_models_(wanted && code_models.empty()) {
  ngSpice_Init(on_text, on_status, on_exit, nullptr, nullptr, nullptr, this);
  // Device evaluation would use two threads, and two such processes on two cores take tens of times
  // longer than one.
  command("set num_threads=1");
  command("unset interactive");
  for (const std::string& path : code_models) command("codemodel " + path);
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
  // After "Model issue on line 3 :" and "Error on line:" come the card and what is wrong with it.
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
    if (contains(text, "Model issue on line") || text.starts_with("Error on line")) card_lines_ = 2;
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
  Vectors vectors = vectors_of(plot);
  std::vector<double> scale{0};
  for (const auto& [name, vector] : vectors) {
    if (name == "time" || name == "frequency" || name.ends_with("-sweep")) scale = vector.real;
  }
  if (job.proof.has_end) cut(vectors, scale, job.proof.end);
  const bool at_end =
      job.proof.has_end && std::abs(scale.back() - job.proof.end) <= 1e-9 * std::abs(job.proof.end);
  // Frequencies are multiplied up, and miss the last one by their rounding.
  if (at_end && (scale.size() < 2 || scale[scale.size() - 2] < job.proof.end))
    scale.back() = job.proof.end;
  result.steps = scale.size();
  if (job.proof.count > 0 && scale.size() != job.proof.count) {
    result.failure.reason = fmt::format("{} of {} points came", scale.size(), job.proof.count);
    return;
  }
  if (job.proof.has_end && !at_end) {
    result.failure.reason = fmt::format("the run ended at {} s of {} s", format_exact(scale.back()),
                                        format_exact(job.proof.end));
    return;
  }
  Run run(vectors, scale, job.proof.axis);
  for (Measured& one :
       measure_all(job.calls, [&](const MeasureCall& call) -> Waves& { return run.pass(call); })) {
    result.values.push_back(one.value);
    result.reasons.push_back(std::move(one.reason));
  }
  try {
    if (!job.waveforms.empty()) result.waveforms = run.whole(job.waveforms);
  } catch (const NoResult& none) {
    result.failure.reason = none.what();
    return;
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
    if (lacks_code_models_)
      result.failure.reason += " (its code models are not installed: Debian package ngspice)";
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
  // In these modes the library keeps `.option scale` of one circuit for the next.
  if (contains(behaviour_, "hs") || contains(behaviour_, "spe")) command("unset scale");
  ngSpice_Command(nullptr);
}

std::string Session::log_tail() const {
  std::string text;
  for (const std::string& line : log_) text += line + "\n";
  return text;
}

}  // namespace gaincell::characterize
