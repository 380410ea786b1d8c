#include "characterize/measure/waves.h"

#include <fmt/format.h>
#include <muParser.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <numbers>
#include <set>
#include <utility>

#include "base/text.h"
#include "base/units.h"

namespace gaincell::characterize {
namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

std::string without_blanks(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (!std::isspace(static_cast<unsigned char>(c))) out += c;
  }
  return out;
}

std::size_t segment(std::span<const double> scale, double x) {
  const auto after = std::upper_bound(scale.begin(), scale.end(), x);
  const auto k = static_cast<std::size_t>(after - scale.begin());
  return std::clamp<std::size_t>(k, 1, scale.size() - 1) - 1;
}

template <class Take>
void for_each_word(const std::string& text, Take take) {
  for (std::size_t k = 0; k < text.size();) {
    std::size_t end = k;
    while (end < text.size() && is_word(text[end])) ++end;
    if (end > k) take(lower(text.substr(k, end - k)), end < text.size() && text[end] == '(');
    k = std::max(end, k + 1);
  }
}

double on_segment(std::span<const double> x, std::span<const double> y, std::size_t k, double at) {
  const double width = x[k + 1] - x[k];
  if (width <= 0) return y[k + 1];
  return y[k] + (y[k + 1] - y[k]) * ((at - x[k]) / width);
}

}  // namespace

Waves::Waves(std::vector<double> scale, Lookup find)
    : scale_(std::move(scale)), find_(std::move(find)) {}

double part_of(const std::string& part, double real, double imaginary) {
  if (part == "m") return std::hypot(real, imaginary);
  if (part == "p") {
    const bool zero = real == 0 && imaginary == 0;
    return zero ? std::numeric_limits<double>::quiet_NaN() : std::atan2(imaginary, real);
  }
  if (part == "r") return real;
  if (part == "i") return imaginary;
  return 20 * std::log10(std::hypot(real, imaginary));
}

void unwrap(std::span<const double> scale, std::span<double> phase) {
  constexpr double kPi = std::numbers::pi;
  if (phase.empty()) return;
  // An inverting stage starts at pi, whichever side of the cut its last bit lies on.
  if (phase[0] <= -kPi + 1e-6) phase[0] += 2 * kPi;
  for (std::size_t k = 1; k < phase.size(); ++k) {
    if (!std::isfinite(phase[k - 1])) return;
    const double turn = std::remainder(phase[k] - phase[k - 1], 2 * kPi);
    if (std::abs(turn) > 0.95 * kPi)
      throw NoResult(fmt::format(
          "the phase turns by about pi between {} and {} Hz, and which way is not to be told: take "
          "more points, or atan2(vi(net), vr(net)) for the principal value",
          format_exact(scale[k - 1]), format_exact(scale[k])));
    phase[k] = phase[k - 1] + turn;
  }
}

std::vector<double> derivative(std::span<const double> x, std::span<const double> y) {
  const std::size_t count = x.size();
  if (count < 2) throw NoResult("a derivative needs two points");
  if (count == 2) return std::vector<double>(2, (y[1] - y[0]) / (x[1] - x[0]));
  std::vector<double> slopes(count);
  for (std::size_t k = 0; k < count; ++k) {
    const std::size_t middle = std::clamp<std::size_t>(k, 1, count - 2);
    const double before = x[middle] - x[middle - 1];
    const double after = x[middle + 1] - x[middle];
    const double left = (y[middle] - y[middle - 1]) / before;
    const double right = (y[middle + 1] - y[middle]) / after;
    // Newton's form of the parabola: slope at the middle, and its change along x.
    const double bend = (right - left) / (before + after);
    slopes[k] = left + bend * before + 2 * bend * (x[k] - x[middle]);
  }
  return slopes;
}

bool is_complex_current(const std::string& function) {
  static const std::set<std::string> functions{"im", "ip", "ir", "ii", "idb"};
  return functions.contains(function);
}

std::string signals_remedy(SignalKind kind) {
  switch (kind) {
    case SignalKind::kReal:
      return "write an expression over v(net), v(a,b) and i(source)";
    case SignalKind::kComplex:
      return "write an expression over vm(net), vdb(net), vp(net), vr(net), vi(net), or im(source) "
             "and so on";
    case SignalKind::kNoise:
      return "write an expression over onoise and inoise, or onoise(device), in V/sqrt(Hz)";
  }
  return {};
}

std::string unit_of_signal(const std::string& text) {
  const char* unit = text.find('@') != std::string::npos ? "A" : "V";
  bool derived = false;
  bool degrees = false;
  for_each_word(text, [&](const std::string& word, bool call) {
    derived = derived || (call && word == "deriv");
    degrees = degrees || (call && word == "deg");
    if (word == "vdb" || word == "idb") {
      unit = "dB";
    } else if (word == "vp" || word == "ip") {
      unit = "rad";
    } else if (call && (word == "i" || is_complex_current(word))) {
      unit = "A";
    } else if (word == "onoise" || word == "inoise") {
      unit = "V/sqrt(Hz)";
    }
  });
  if (derived) return "";  // a quotient of units, which has no name here
  return degrees ? "deg" : unit;
}

namespace {

// Collects the vectors of one signal as its text is rewritten.
class SignalParser {
 public:
  SignalParts parse(const std::string& text) {
    for (std::size_t k = 0; k < text.size();) {
      if (text[k] == '@') {
        k = device(text, k);
        continue;
      }
      std::size_t end = k;
      while (end < text.size() && is_word(text[end])) ++end;
      if (end == k) {
        parts_.expression += text[k++];
        continue;
      }
      const std::string word = lower(text.substr(k, end - k));
      if (word.find("__") != std::string::npos)
        throw BadSignal("a name with __ stands for something else");
      if (word == "onoise" || word == "inoise") {
        end = noise(word, text, end);
      } else if (end < text.size() && text[end] == '(' && word == "deriv") {
        end = derivative(text, end);
      } else if (end < text.size() && text[end] == '(' && is_quantity(word)) {
        const std::size_t close = text.find(')', end);
        if (close == std::string::npos) throw BadSignal("a ( is not closed");
        quantity(word, lower(without_blanks(text.substr(end + 1, close - end - 1))));
        end = close + 1;
      } else {
        parts_.expression += text.substr(k, end - k);
      }
      k = end;
    }
    return std::move(parts_);
  }

 private:
  static bool is_quantity(const std::string& word) {
    static const std::set<std::string> voltages{"v", "vm", "vp", "vr", "vi", "vdb"};
    return word == "i" || voltages.contains(word) || is_complex_current(word);
  }

  std::string vector(const std::string& name, SignalKind kind) {
    if (!parts_.vectors.empty() && parts_.kind != kind)
      throw BadSignal("it mixes what no single analysis has");
    parts_.kind = kind;
    const auto known = std::find(parts_.vectors.begin(), parts_.vectors.end(), name);
    const auto number = known - parts_.vectors.begin();
    if (known == parts_.vectors.end()) parts_.vectors.push_back(name);
    return fmt::format("w__{}", number);
  }

  // Of all devices, or of the one in brackets.
  std::size_t noise(const std::string& word, const std::string& text, std::size_t open) {
    if (open >= text.size() || text[open] != '(') {
      parts_.expression += vector(word + "_spectrum", SignalKind::kNoise);
      return open;
    }
    const std::size_t close = text.find(')', open);
    if (close == std::string::npos) throw BadSignal("a ( is not closed");
    const std::string device = lower(without_blanks(text.substr(open + 1, close - open - 1)));
    if (device.empty()) throw BadSignal("the brackets are empty");
    parts_.expression += vector(fmt::format("{}_{}", word, device), SignalKind::kNoise);
    return close + 1;
  }

  // deriv(...) from its bracket on; the place behind it.
  std::size_t derivative(const std::string& text, std::size_t open) {
    std::size_t close = open;
    for (int level = 0; close < text.size(); ++close) {
      if (text[close] == '(') ++level;
      if (text[close] == ')' && --level == 0) break;
    }
    if (close == text.size()) throw BadSignal("a ( is not closed");
    const std::string inner = text.substr(open + 1, close - open - 1);
    const SignalParts parts = parse_signal(inner);
    for (const std::string& name : parts.vectors) (void)vector(name, parts.kind);
    parts_.expression += fmt::format("d__{}", parts_.derivatives.size());
    parts_.derivatives.push_back(inner);
    return close + 1;
  }

  std::size_t device(const std::string& text, std::size_t at) {
    const std::size_t close = text.find(']', at);
    if (close == std::string::npos || text.find('[', at) > close)
      throw BadSignal("@device[parameter] is not closed");
    parts_.expression +=
        vector(lower(without_blanks(text.substr(at, close - at + 1))), SignalKind::kReal);
    return close + 1;
  }

  void quantity(const std::string& word, const std::string& inside) {
    if (inside.empty()) throw BadSignal("the brackets are empty");
    const std::size_t comma = inside.find(',');
    if (word.size() > 1) {
      const std::string name = word[0] == 'i' ? inside + "#branch" : inside;
      parts_.expression += vector(word.substr(1) + "|" + name, SignalKind::kComplex);
    } else if (word == "i") {
      parts_.expression += vector(inside + "#branch", SignalKind::kReal);
    } else if (comma == std::string::npos) {
      parts_.expression += node(inside);
    } else {
      parts_.expression +=
          fmt::format("({}-{})", node(inside.substr(0, comma)), node(inside.substr(comma + 1)));
    }
  }

  std::string node(const std::string& name) {
    return name == "0" || name == "gnd" ? std::string("0") : vector(name, SignalKind::kReal);
  }

  SignalParts parts_;
};

}  // namespace

namespace {

// Each level of brackets costs the parsers stack.
void check_size(const std::string& text) {
  if (text.size() > 10'000) throw BadSignal("it is longer than 10,000 characters");
  int depth = 0;
  for (std::size_t k = 0; k < text.size(); ++k) {
    if (text[k] == '(') ++depth;
    if (text[k] == ')') --depth;
    if (depth > 100) throw BadSignal("brackets nest more than 100 deep");
    const char before = k > 0 ? text[k - 1] : ' ';
    const char after = k + 1 < text.size() ? text[k + 1] : ' ';
    if (text[k] == '=' && after != '=' &&
        std::string_view("=<>!").find(before) == std::string_view::npos)
      throw BadSignal("a signal does not assign");
  }
}

// A signal's expression over slots that hold one point.
class PointParser {
 public:
  explicit PointParser(const SignalParts& parts)
      : vectors_(parts.vectors.size()), derivatives_(parts.derivatives.size()) {
    for (std::size_t k = 0; k < vectors_.size(); ++k)
      parser_.DefineVar(fmt::format("w__{}", k), &vectors_[k]);
    for (std::size_t k = 0; k < derivatives_.size(); ++k)
      parser_.DefineVar(fmt::format("d__{}", k), &derivatives_[k]);
    parser_.DefineConst("pi", std::numbers::pi);
    parser_.DefineFun(
        "deg", +[](double radians) { return radians * (180 / std::numbers::pi); });
    parser_.SetExpr(parts.expression);
  }
  std::vector<double>& vectors() { return vectors_; }
  std::vector<double>& derivatives() { return derivatives_; }
  double value() { return parser_.Eval(); }
  int results() {
    int count = 0;
    parser_.Eval(count);
    return count;
  }

 private:
  std::vector<double> vectors_;
  std::vector<double> derivatives_;
  mu::Parser parser_;
};

}  // namespace

SignalParts parse_signal(const std::string& text) {
  check_size(text);
  SignalParts parts = SignalParser().parse(text);
  if (parts.vectors.empty()) throw BadSignal("it names no v(...) or i(...)");
  // Compile once with zeros, so that mistakes show before any simulation.
  try {
    if (PointParser(parts).results() != 1) throw BadSignal("one expression is wanted, not a list");
  } catch (const mu::ParserError& error) {
    throw BadSignal(error.GetMsg());
  }
  return parts;
}

std::span<const double> Waves::vector(const std::string& name, const std::string& wanted_by) {
  const auto found = find_(name);
  if (!found || found->size() != scale_.size())
    throw NoResult(
        name.starts_with("@")
            ? fmt::format("`{}` is no device parameter that this analysis gives: no such "
                          "device, no such parameter, or none in this analysis",
                          name)
            : fmt::format("the circuit has no `{}`, which `{}` needs", name, wanted_by));
  if (!name.starts_with("p|")) return *found;
  const auto known = signals_.find(name);
  if (known != signals_.end()) return known->second;
  std::vector<double> phase(found->begin(), found->end());
  unwrap(scale_, phase);
  return signals_.emplace(name, std::move(phase)).first->second;
}

std::vector<double> Waves::computed(const std::string& text) {
  SignalParts parts;
  try {
    parts = parse_signal(text);
  } catch (const BadSignal& error) {
    throw NoResult(fmt::format("`{}` is not a signal: {}", text, error.what()));
  }
  std::vector<std::span<const double>> vectors;
  for (const std::string& name : parts.vectors) vectors.push_back(vector(name, text));
  if (parts.expression == "w__0") return {vectors[0].begin(), vectors[0].end()};
  std::vector<std::vector<double>> derivatives;
  for (const std::string& inner : parts.derivatives)
    derivatives.push_back(derivative(scale_, signal(inner)));
  std::vector<double> values(scale_.size());
  PointParser parser(parts);
  for (std::size_t point = 0; point < values.size(); ++point) {
    for (std::size_t k = 0; k < vectors.size(); ++k) parser.vectors()[k] = vectors[k][point];
    for (std::size_t k = 0; k < derivatives.size(); ++k)
      parser.derivatives()[k] = derivatives[k][point];
    values[point] = parser.value();
  }
  return values;
}

std::span<const double> Waves::signal(const std::string& text) {
  if (const auto known = signals_.find(text); known != signals_.end()) return known->second;
  std::vector<double> values = computed(text);
  for (std::size_t k = 0; k < values.size(); ++k) {
    if (!std::isfinite(values[k]))
      throw NoResult(fmt::format("`{}` is no finite number at {}", text, format_exact(scale_[k])));
  }
  return signals_.emplace(text, std::move(values)).first->second;
}

double slack_of(const Waves& waves) {
  if (waves.scale().size() == 1) return 1e-9 * std::abs(waves.begin());
  return 1e-9 * (waves.end() - waves.begin());
}

double value_at(const Waves& waves, std::span<const double> y, double x) {
  const auto scale = waves.scale();
  const double slack = slack_of(waves);
  if (!(x >= waves.begin() - slack && x <= waves.end() + slack))
    throw NoResult(fmt::format("{} lies outside the run ({} to {})", format_exact(x),
                               format_exact(waves.begin()), format_exact(waves.end())));
  if (scale.size() == 1) return y[0];
  x = std::clamp(x, waves.begin(), waves.end());
  return on_segment(scale, y, segment(scale, x), x);
}

double integral(const Waves& waves, std::span<const double> y, Window window) {
  const auto x = waves.scale();
  if (window.to < window.from) throw NoResult("`to` lies before `from`");
  double last_x = window.from;
  double last_y = value_at(waves, y, window.from);
  const double end_y = value_at(waves, y, window.to);
  double sum = 0;
  for (std::size_t k = 0; k < x.size(); ++k) {
    if (x[k] <= window.from) continue;
    if (x[k] >= window.to) break;
    sum += 0.5 * (last_y + y[k]) * (x[k] - last_x);
    last_x = x[k];
    last_y = y[k];
  }
  return sum + 0.5 * (last_y + end_y) * (window.to - last_x);
}

std::vector<Crossing> crossings(const Waves& waves, std::span<const double> y, double level,
                                Window window) {
  const auto x = waves.scale();
  const double slack = slack_of(waves);
  std::vector<Crossing> found;
  const auto add = [&](std::size_t k, Edge edge) {
    const double at = x[k] + (level - y[k]) / (y[k + 1] - y[k]) * (x[k + 1] - x[k]);
    if (at >= window.from - slack && at <= window.to + slack) found.push_back({at, edge});
  };
  // The side that the signal was on last, and the segment in which it came to the level since.
  int side = 0;
  constexpr std::size_t kNever = static_cast<std::size_t>(-1);
  std::size_t came = kNever;
  for (std::size_t k = 0; k < x.size(); ++k) {
    const int now = y[k] > level ? 1 : y[k] < level ? -1 : 0;
    if (now == 0) {
      if (side != 0 && came == kNever && k > 0) came = k - 1;
      continue;
    }
    if (side != 0 && now != side)
      add(came == kNever ? k - 1 : came, now > 0 ? Edge::kRise : Edge::kFall);
    side = now;
    came = kNever;
  }
  if (came != kNever) add(came, side < 0 ? Edge::kRise : Edge::kFall);
  return found;
}

}  // namespace gaincell::characterize
