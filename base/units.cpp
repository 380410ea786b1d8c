#include "base/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/si_prefix.h"
#include "base/text.h"

namespace gaincell {
namespace {

constexpr std::array<std::pair<std::string_view, int>, 10> kSuffixes{{
    {"meg", 6},
    {"t", 12},
    {"g", 9},
    {"k", 3},
    {"m", -3},
    {"u", -6},
    {"n", -9},
    {"p", -12},
    {"f", -15},
    {"a", -18},
}};

// value x 10^exponent, rounded once: "5f" must be the double nearest to 5e-15.
double scaled(double value, int exponent) {
  const std::string digits = fmt::format("{}", value);
  if (digits.find('e') != std::string::npos) return value * std::pow(10.0, exponent);
  const std::string text = fmt::format("{}e{}", digits, exponent);
  double result = 0;
  std::from_chars(text.data(), text.data() + text.size(), result);
  return result;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())))
    text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())))
    text.remove_suffix(1);
  return text;
}

}  // namespace

std::optional<double> parse_quantity(std::string_view text, std::string_view unit) {
  text = trim(text);
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || !std::isfinite(value)) return std::nullopt;
  std::string_view tail = text.substr(static_cast<std::size_t>(end - text.data()));
  const bool adjacent = !tail.empty() && !std::isspace(static_cast<unsigned char>(tail.front()));
  const std::string rest = lower(trim(tail));
  const std::string wanted = lower(unit);
  if (rest.empty()) return value;
  if (rest.starts_with("mil")) return std::nullopt;
  for (const auto& [suffix, exponent] : kSuffixes) {
    if (!rest.starts_with(suffix)) continue;
    const std::string_view after = std::string_view(rest).substr(suffix.size());
    const bool bare = after.empty() && adjacent;
    if (!bare && (after.empty() || after != wanted)) continue;
    if (suffix != "m") return scaled(value, exponent);
    if (unit == "B") return scaled(value, 6);  // there are no thousandths of a byte
    // Milli to SPICE, and mega to who writes MOhm or MHz.
    if (!bare && trim(tail).front() == 'M') return std::nullopt;
    return scaled(value, exponent);
  }
  if (rest == wanted) return value;
  return std::nullopt;
}

SiPrefix si_prefix(double value) {
  static constexpr std::array<SiPrefix, 11> kPrefixes{{{1e-18, "a"},
                                                       {1e-15, "f"},
                                                       {1e-12, "p"},
                                                       {1e-9, "n"},
                                                       {1e-6, "u"},
                                                       {1e-3, "m"},
                                                       {1, ""},
                                                       {1e3, "k"},
                                                       {1e6, "M"},
                                                       {1e9, "G"},
                                                       {1e12, "T"}}};
  if (value == 0 || !std::isfinite(value)) return kPrefixes[6];
  const int group = static_cast<int>(std::floor(std::log10(std::abs(value)) / 3));
  return kPrefixes[static_cast<std::size_t>(std::clamp(group, -6, 4) + 6)];
}

std::string format_si(double value, std::string_view unit, int digits) {
  if (value == 0 || !std::isfinite(value)) return fmt::format("{} {}", value, unit);
  SiPrefix prefix = si_prefix(value);
  std::string number = fmt::format("{:.{}g}", value / prefix.factor, digits);
  // What rounds to a thousand has the next prefix: 999.96 n is 1 u.
  if (std::abs(std::stod(number)) >= 1000 && std::abs(value) < 1e15) {
    prefix = si_prefix(prefix.factor * 1000);
    number = fmt::format("{:.{}g}", value / prefix.factor, digits);
  }
  return fmt::format("{} {}{}", number, prefix.letter, unit);
}

bool takes_prefix(std::string_view unit) {
  constexpr std::array<std::string_view, 6> kPlain{"", "1", "degC", "dB", "deg", "%"};
  return std::find(kPlain.begin(), kPlain.end(), unit) == kPlain.end();
}

std::string told(double value, std::string_view unit, int digits) {
  if (takes_prefix(unit)) return format_si(value, unit, digits);
  const bool bare = unit.empty() || unit == "1";
  return fmt::format("{:.{}g}{}{}", value, digits, bare ? "" : " ", bare ? "" : unit);
}

std::string format_exact(double value) { return fmt::format("{}", value); }

}  // namespace gaincell
