#include "characterize/waves.h"

#include <fmt/format.h>
#include <muParser.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>
#include <utility>

#include "base/units.h"

namespace gaincell::characterize {
namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

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
  if (part == "p") return std::atan2(imaginary, real);
  if (part == "r") return real;
  if (part == "i") return imaginary;
  return 20 * std::log10(std::hypot(real, imaginary));
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
      return "write an expression over onoise and inoise, in V/sqrt(Hz)";
  }
  return {};
}

std::string unit_of_signal(const std::string& text) {
  const char* unit = text.find('@') != std::string::npos ? "A" : "V";
  for_each_word(text, [&unit](const std::string& word, bool call) {
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
  return unit;
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
      if (word == "onoise" || word == "inoise") {
        parts_.expression += vector(word + "_spectrum", SignalKind::kNoise);
      } else if (end < text.size() && text[end] == '(' && is_quantity(word)) {
        const std::size_t close = text.find(')', end);
        if (close == std::string::npos) throw std::invalid_argument("a ( is not closed");
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
      throw std::invalid_argument("it mixes what no single analysis has");
    parts_.kind = kind;
    const auto known = std::find(parts_.vectors.begin(), parts_.vectors.end(), name);
    const auto number = known - parts_.vectors.begin();
    if (known == parts_.vectors.end()) parts_.vectors.push_back(name);
    return fmt::format("w{}", number);
  }

  std::size_t device(const std::string& text, std::size_t at) {
    const std::size_t close = text.find(']', at);
    if (close == std::string::npos || text.find('[', at) > close)
      throw std::invalid_argument("@device[parameter] is not closed");
    parts_.expression +=
        vector(lower(without_blanks(text.substr(at, close - at + 1))), SignalKind::kReal);
    return close + 1;
  }

  void quantity(const std::string& word, const std::string& inside) {
    if (inside.empty()) throw std::invalid_argument("the brackets are empty");
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

SignalParts parse_signal(const std::string& text) {
  SignalParts parts = SignalParser().parse(text);
  if (parts.vectors.empty()) throw std::invalid_argument("it names no v(...) or i(...)");
  // Compile once with zeros, so that mistakes show before any simulation.
  try {
    mu::Parser parser;
    std::vector<double> zeros(parts.vectors.size(), 0);
    for (std::size_t k = 0; k < zeros.size(); ++k)
      parser.DefineVar(fmt::format("w{}", k), &zeros[k]);
    parser.SetExpr(parts.expression);
    int results = 0;
    parser.Eval(results);
    if (results != 1) throw std::invalid_argument("one expression is wanted, not a list");
  } catch (const mu::ParserError& error) {
    throw std::invalid_argument(error.GetMsg());
  }
  return parts;
}

std::span<const double> Waves::signal(const std::string& text) {
  if (const auto known = signals_.find(text); known != signals_.end()) return known->second;
  SignalParts parts;
  try {
    parts = parse_signal(text);
  } catch (const std::invalid_argument& error) {
    throw NoResult(fmt::format("`{}` is not a signal: {}", text, error.what()));
  }
  std::vector<std::span<const double>> vectors;
  for (const std::string& name : parts.vectors) {
    const auto found = find_(name);
    if (!found || found->size() != scale_.size())
      throw NoResult(fmt::format("the circuit has no `{}`, which `{}` needs", name, text));
    vectors.push_back(*found);
  }
  std::vector<double> values(scale_.size());
  if (parts.expression == "w0") {
    std::copy(vectors[0].begin(), vectors[0].end(), values.begin());
  } else {
    std::vector<double> slots(vectors.size());
    mu::Parser parser;
    for (std::size_t k = 0; k < slots.size(); ++k)
      parser.DefineVar(fmt::format("w{}", k), &slots[k]);
    parser.SetExpr(parts.expression);
    for (std::size_t point = 0; point < values.size(); ++point) {
      for (std::size_t k = 0; k < slots.size(); ++k) slots[k] = vectors[k][point];
      values[point] = parser.Eval();
    }
  }
  for (const double value : values) {
    if (!std::isfinite(value)) throw NoResult(fmt::format("`{}` is not finite everywhere", text));
  }
  return signals_.emplace(text, std::move(values)).first->second;
}

double value_at(const Waves& waves, std::span<const double> y, double x) {
  const auto scale = waves.scale();
  const double slack = 1e-9 * (waves.end() - waves.begin());
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
  const double slack = 1e-9 * (waves.end() - waves.begin());
  std::vector<Crossing> found;
  for (std::size_t k = 0; k + 1 < x.size(); ++k) {
    const bool before = y[k] >= level;
    const bool after = y[k + 1] >= level;
    if (before == after) continue;
    const double at = x[k] + (level - y[k]) / (y[k + 1] - y[k]) * (x[k + 1] - x[k]);
    if (at < window.from - slack || at > window.to + slack) continue;
    found.push_back({at, after ? Edge::kRise : Edge::kFall});
  }
  return found;
}

}  // namespace gaincell::characterize
