#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "base/units.h"
#include "characterize/analysis/analysis.h"

namespace gaincell::characterize {

std::span<const AnalysisKind> analysis_kinds() {
  static const std::vector<AnalysisKind> kinds{analysis_op(), analysis_dc(), analysis_tran(),
                                               analysis_ac(), analysis_noise()};
  return kinds;
}

const AnalysisKind& analysis_kind(std::string_view name) {
  for (const AnalysisKind& kind : analysis_kinds()) {
    if (kind.name == name) return kind;
  }
  throw Error({.place = "analysis",
               .key = "type",
               .value = std::string(name),
               .rule = "there is no such analysis"});
}

namespace detail {

double number(const AnalysisArguments& arguments, const std::string& name, double otherwise) {
  const auto at = arguments.numbers.find(name);
  return at == arguments.numbers.end() ? otherwise : at->second;
}

double Frequencies::steps() const { return points_per_decade * std::log10(stop / start); }

Frequencies frequencies(const AnalysisArguments& arguments) {
  const double start = number(arguments, "start", 0);
  const double stop = number(arguments, "stop", 0);
  const double points = number(arguments, "points_per_decade", 10);
  if (!(start > 0 && stop >= start))
    throw BadCard("`stop` must be `start` or lie above it, and that above 0 Hz");
  if (!(points >= 1 && points <= 1e5 && points == std::floor(points)))
    throw BadCard("`points_per_decade` must be a whole number up to 100,000");
  if (stop > 1e18) throw BadCard("`stop` must be at most 1e18 Hz");
  if (stop == start) return {start, stop, 0};
  Frequencies result{start, stop, points};
  if (result.steps() > 1e7) throw BadCard("takes more than 1e7 frequencies");
  // Where not one whole step fits, ngspice loops for ever, or leaves `stop` out.
  if (result.steps() >= 1 + 1e-6) return result;
  if (stop / start < 1 + 1e-6)
    throw BadCard("`stop` must be `start` itself, or lie at least a millionth of it above");
  result.points_per_decade = std::ceil((1 + 1e-6) / std::log10(stop / start));
  return result;
}

std::string frequency_card(double points_per_decade, double start, double stop) {
  if (points_per_decade == 0) return fmt::format("lin 1 {0} {0}", format_exact(start));
  return fmt::format("dec {} {} {}", points_per_decade, format_exact(start), format_exact(stop));
}

std::vector<Key> frequency_keys() {
  return {{"start", form::quantity("Hz"), Key::Presence::kRequired, "first frequency"},
          {"stop", form::quantity("Hz"), Key::Presence::kRequired,
           "last frequency; `start` itself for a single one"},
          {"points_per_decade", form::quantity(""), Key::Presence::kOptional,
           "default 10; both ends are always points"}};
}

}  // namespace detail

std::span<const std::string> simulator_options() {
  static const std::vector<std::string> names{
      "abstol", "chgtol", "cshunt",   "gmin",   "gminsteps", "gshunt", "itl1",
      "itl2",   "itl4",   "maxord",   "method", "noopiter",  "pivrel", "pivtol",
      "reltol", "rshunt", "srcsteps", "tnom",   "trtol",     "vntol",  "xmu"};
  return names;
}

}  // namespace gaincell::characterize
