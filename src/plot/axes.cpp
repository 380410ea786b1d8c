#include "plot/axes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "base/units.h"

namespace gaincell::plot {
namespace {

std::vector<double> positive(const std::vector<double>& nodes) {
  std::vector<double> out;
  for (const double node : nodes)
    if (node > 0) out.push_back(node);
  return out;
}

}  // namespace

bool is_logarithmic(const std::vector<double>& nodes) {
  const std::vector<double> above = positive(nodes);
  if (above.size() < 4 || above.size() + 1 < nodes.size()) return false;
  const auto [low, high] = std::minmax_element(above.begin(), above.end());
  if (*high < 1e4 * *low) return false;
  std::vector<double> sorted = above;
  std::sort(sorted.begin(), sorted.end());
  return sorted[sorted.size() / 2] < 0.1 * *high;
}

Scale axis_scale(const std::string& name, const std::string& long_name, const std::string& unit,
                 const std::vector<double>& nodes, std::size_t most) {
  const std::string words =
      long_name.empty() || long_name == name ? name : fmt::format("{}: {}", name, long_name);
  const std::string brief = words.size() > most ? name : words;
  if (!is_logarithmic(nodes)) return scale_of(brief, unit, nodes);
  return {.label = brief, .factor = 1, .log = true, .prefixed = unit == "1" ? "" : unit};
}

std::vector<double> places(const std::vector<double>& nodes, const Scale& scale,
                           std::size_t count) {
  double low = *std::min_element(nodes.begin(), nodes.end());
  const double high = *std::max_element(nodes.begin(), nodes.end());
  if (scale.log) {
    const std::vector<double> above = positive(nodes);
    low = *std::min_element(above.begin(), above.end());
  }
  std::vector<double> out;
  for (std::size_t i = 0; i < count; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(count - 1);
    out.push_back(scale.log ? low * std::pow(high / low, share) : low + share * (high - low));
  }
  out.front() = low;
  out.back() = high;
  return out;
}

double round_below(double value) {
  const double decade = std::pow(10.0, std::floor(std::log10(value)));
  for (const double part : {5.0, 2.0})
    if (part * decade <= value) return part * decade;
  return decade;
}

double quantity_at(const std::string& name, const std::string& text, const std::string& unit) {
  const std::optional<double> value = parse_quantity(text, unit == "1" ? "" : unit);
  if (value && std::isfinite(*value)) return *value;
  throw Error(
      {.place = "--at",
       .key = name,
       .value = text,
       .rule = unit.empty() || unit == "1" ? "must be a number" : "must be a number in " + unit,
       .remedy = "for example 450m"});
}

}  // namespace gaincell::plot
