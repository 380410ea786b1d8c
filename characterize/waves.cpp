#include "characterize/waves.h"

#include <fmt/format.h>
#include <muParser.h>

#include <algorithm>
#include <cctype>
#include <cmath>
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

double on_segment(std::span<const double> x, std::span<const double> y, std::size_t k, double at) {
  const double width = x[k + 1] - x[k];
  if (width <= 0) return y[k + 1];
  return y[k] + (y[k + 1] - y[k]) * ((at - x[k]) / width);
}

}  // namespace

Waves::Waves(std::vector<double> scale, Lookup find)
    : scale_(std::move(scale)), find_(std::move(find)) {}

SignalParts parse_signal(const std::string& text) {
  SignalParts parts;
  const auto vector = [&parts](const std::string& name) {
    const auto known = std::find(parts.vectors.begin(), parts.vectors.end(), name);
    const auto number = known - parts.vectors.begin();
    if (known == parts.vectors.end()) parts.vectors.push_back(name);
    return fmt::format("w{}", number);
  };
  const auto node = [&](const std::string& name) {
    return name == "0" || name == "gnd" ? std::string("0") : vector(name);
  };
  for (std::size_t k = 0; k < text.size();) {
    if (text[k] == '@') {
      const std::size_t close = text.find(']', k);
      if (close == std::string::npos || text.find('[', k) > close)
        throw std::invalid_argument("@device[parameter] is not closed");
      parts.expression += vector(lower(without_blanks(text.substr(k, close - k + 1))));
      k = close + 1;
      continue;
    }
    const char c = static_cast<char>(std::tolower(static_cast<unsigned char>(text[k])));
    const bool starts = (c == 'v' || c == 'i') && (k == 0 || !is_word(text[k - 1])) &&
                        k + 1 < text.size() && text[k + 1] == '(';
    if (!starts) {
      parts.expression += text[k++];
      continue;
    }
    const std::size_t close = text.find(')', k);
    if (close == std::string::npos) throw std::invalid_argument("a ( is not closed");
    const std::string inside = lower(without_blanks(text.substr(k + 2, close - k - 2)));
    if (inside.empty()) throw std::invalid_argument("the brackets are empty");
    const std::size_t comma = inside.find(',');
    if (c == 'i') {
      parts.expression += vector(inside + "#branch");
    } else if (comma == std::string::npos) {
      parts.expression += node(inside);
    } else {
      parts.expression +=
          fmt::format("({}-{})", node(inside.substr(0, comma)), node(inside.substr(comma + 1)));
    }
    k = close + 1;
  }
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
