#include "plot/study_charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iterator>
#include <utility>

#include "base/error.h"
#include "base/si_prefix.h"
#include "plot/axes.h"
#include "sweep/analysis.h"

namespace gaincell::plot {
namespace {

using sweep::Estimate;
using sweep::StudyResults;

constexpr std::size_t kMostNames = 12;  // of points in one picture

const char* short_name(std::size_t figure) {
  return sweep::figures()[figure].name == "energy_total_j"      ? "energy per token"
         : sweep::figures()[figure].name == "energy_circuits_j" ? "energy of the circuits per token"
                                                                : "active energy per token";
}

std::vector<double> finite(std::vector<double> values) {
  std::erase_if(values, [](double value) { return !std::isfinite(value); });
  return values;
}

// Around all values, with some room.
std::optional<std::pair<double, double>> range_of(const std::vector<double>& values) {
  if (values.empty()) return std::nullopt;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double room = std::max(0.08 * (*high - *low), 1e-3 * std::abs(*high));
  return std::pair(*low - room, *high + room);
}

std::string value_words(const sweep::Axis& axis, double value) {
  if (!axis.words.empty()) {
    const std::string word = axis.text(value);
    return std::filesystem::path(word).filename().string();
  }
  return axis.whole ? axis.text(value) : told(value, axis.unit);
}

// What is varied at a point, in few digits.
std::string point_words(const StudyResults& study, std::size_t point) {
  std::string text;
  for (std::size_t a = 0; a < study.plan.axes.size(); ++a)
    if (const sweep::Axis& axis = study.plan.axes[a]; axis.varied())
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", axis.name,
                          value_words(axis, study.plan.points[point][a]));
  return text;
}

std::string seeds_fact(const StudyResults& study) {
  return study.plan.seed_count() > 1
             ? fmt::format(
                   "Means over {} seeds; bands and bars of 95 %, by Student's distribution.",
                   study.plan.seed_count())
             : "One run a point: without an interval over chips and noise.";
}

std::string failed_fact(const StudyResults& study) {
  return study.failed() == 0 ? std::string()
                             : fmt::format("{} of {} runs failed and are in no number.",
                                           study.failed(), study.runs.size());
}

Chart begin_chart(const StudyResults& study, const std::string& name, const std::string& title) {
  Chart chart{.name = name, .title = study.plan.name + ": " + title, .facts = {seeds_fact(study)}};
  if (const std::string failed = failed_fact(study); !failed.empty()) chart.facts.push_back(failed);
  return chart;
}

Chart pareto_chart(const StudyResults& study, std::size_t energy) {
  const std::size_t nats = sweep::quality_figure(study);
  Chart chart =
      begin_chart(study, "pareto", "what " + sweep::quality_name(study) + " costs in energy");
  Series all{.kind = Series::Kind::kMarks, .label = "points", .pen = {Colour::kPublished}};
  for (std::size_t p = 0; p < study.plan.points.size(); ++p) {
    const double x = sweep::point_estimate(study, p, energy).mean,
                 y = sweep::point_estimate(study, p, nats).mean;
    if (!std::isfinite(x) || !std::isfinite(y)) continue;
    all.x.push_back(x);
    all.y.push_back(y);
  }
  Series front{.kind = Series::Kind::kMarks, .label = "front", .pen = {Colour::kMeasured}};
  Series steps{.kind = Series::Kind::kLine, .label = "no point is better", .pen = {Colour::kTable}};
  std::vector<std::size_t> points = sweep::pareto_front(study, energy, nats);
  for (const std::size_t p : points) {
    const double x = sweep::point_estimate(study, p, energy).mean,
                 y = sweep::point_estimate(study, p, nats).mean;
    if (!steps.x.empty()) {
      steps.x.push_back(x);
      steps.y.push_back(steps.y.back());
    }
    steps.x.push_back(x);
    steps.y.push_back(y);
    front.x.push_back(x);
    front.y.push_back(y);
  }
  if (points.size() > kMostNames) points.resize(kMostNames);
  for (const std::size_t p : points)
    chart.facts.push_back(fmt::format("Front: point {} ({}).", p + 1, point_words(study, p)));
  if (chart.facts.size() > 8) chart.facts.resize(8);
  Panel panel{.x = axis_scale(short_name(energy), "", "J", all.x),
              .y = scale_of(sweep::quality_name(study), "1", all.y)};
  panel.y_range = range_of(all.y);
  panel.series = {std::move(all), std::move(steps), std::move(front)};
  chart.panels.push_back(std::move(panel));
  return chart;
}

std::string change_words(const Estimate& change) {
  return std::isfinite(change.half_width) && change.half_width > 0
             ? fmt::format("{:+.3g} +- {:.1g}", change.mean, change.half_width)
             : fmt::format("{:+.3g}", change.mean);
}

std::string bar_name(const StudyResults& study, const sweep::Sensitivity& row) {
  const sweep::Axis& axis = study.plan.axes[row.axis];
  return axis.words.empty() ? axis.name : axis.name + " " + value_words(axis, row.to);
}

// Bars of how a figure changes over each parameter's range, with their intervals.
Panel change_panel(const StudyResults& study, const sweep::Sensitivities& found,
                   const std::string& label, Colour colour) {
  Panel panel{.x = {}, .y = {}};
  Series bars{.kind = Series::Kind::kBars, .label = "", .pen = {colour}, .width = 0.6};
  std::vector<Series> intervals;
  std::vector<double> all{0};
  for (const sweep::Sensitivity& row : found.rows) {
    panel.x_names.push_back(bar_name(study, row));
    const double place = static_cast<double>(bars.x.size());
    bars.x.push_back(place);
    bars.y.push_back(row.change.mean);
    const double half = std::isfinite(row.change.half_width) ? row.change.half_width : 0;
    all.insert(all.end(), {row.change.mean - half, row.change.mean + half});
    if (half > 0)
      intervals.push_back({.kind = Series::Kind::kLine,
                           .pen = {Colour::kInk},
                           .x = {place, place},
                           .y = {row.change.mean - half, row.change.mean + half}});
  }
  panel.y = scale_of(label, "1", all);
  panel.y_range = range_of(all);
  panel.series = {std::move(bars)};
  for (Series& one : intervals) panel.series.push_back(std::move(one));
  return panel;
}

// In words what the bars are of.
void add_change_facts(const StudyResults& study, const sweep::Sensitivities& nats,
                      const sweep::Sensitivities& energy, Chart& chart) {
  constexpr std::size_t kMost = 10;
  for (std::size_t k = 0; k < std::min(kMost, nats.rows.size()); ++k) {
    const sweep::Sensitivity& row = nats.rows[k];
    const sweep::Axis& axis = study.plan.axes[row.axis];
    std::string fact = fmt::format("{} from {} to {}: {} in {}", axis.name,
                                   value_words(axis, row.from), value_words(axis, row.to),
                                   change_words(row.change), sweep::quality_name(study));
    if (k < energy.rows.size())
      fact += fmt::format(", {} in ln(energy)", change_words(energy.rows[k].change));
    chart.facts.push_back(fact + ".");
  }
}

Chart sensitivity_chart(const StudyResults& study) {
  Chart chart = begin_chart(study, "sensitivities", "what each parameter does over its range");
  const sweep::Sensitivities nats =
      sweep::sensitivities(study, sweep::quality_figure(study), sweep::Of::kValue);
  chart.facts.push_back(
      fmt::format("Least squares in all parameters together, {:.0f} % of the variance of {}.",
                  100 * nats.explained, sweep::quality_name(study)));
  sweep::Sensitivities joules;
  if (const auto energy = sweep::energy_figure(study))
    joules = sweep::sensitivities(study, *energy, sweep::Of::kLogarithm);
  add_change_facts(study, nats, joules, chart);
  chart.panels.push_back(
      change_panel(study, nats, "change of " + sweep::quality_name(study), Colour::kTable));
  if (!joules.rows.empty())
    chart.panels.push_back(change_panel(study, joules, "change of ln(energy)", Colour::kMeasured));
  return chart;
}

// A figure over a parameter's values: a curve with its band, or bars of words.
Panel effect_panel(const StudyResults& study, std::size_t a, std::size_t figure,
                   const std::string& label, const std::string& unit, Colour colour) {
  const sweep::Axis& axis = study.plan.axes[a];
  const std::vector<sweep::Level> levels = sweep::main_effect(study, a, figure);
  Series curve{.kind = Series::Kind::kLine, .label = "mean", .pen = {colour}},
      dots{.kind = Series::Kind::kMarks, .pen = {colour}},
      band{.kind = Series::Kind::kBand, .label = "95 % over seeds", .pen = {Colour::kBand}};
  std::vector<double> all;
  for (std::size_t k = 0; k < levels.size(); ++k) {
    const Estimate& at = levels[k].figure;
    const double x = axis.words.empty() ? levels[k].value : static_cast<double>(k);
    for (Series* series : {&curve, &dots}) {
      series->x.push_back(x);
      series->y.push_back(at.mean);
    }
    const double half = std::isfinite(at.half_width) ? at.half_width : 0;
    band.x.push_back(x);
    band.y.push_back(at.mean - half);
    band.high.push_back(at.mean + half);
    all.insert(all.end(), {at.mean - half, at.mean + half});
  }
  Panel panel{.x = scale_of(axis.name, axis.unit, curve.x), .y = scale_of(label, unit, all)};
  panel.y_range = range_of(finite(all));
  if (axis.words.empty()) {
    // Doublings lie evenly apart.
    const auto [low, high] = std::minmax_element(curve.x.begin(), curve.x.end());
    if (*low > 0 && (axis.logarithmic || *high >= 8 * *low))
      panel.x = {.label = axis.name,
                 .log = true,
                 .prefixed = axis.unit == "1" || axis.unit.empty() ? "" : axis.unit};
    if (study.plan.seed_count() > 1) panel.series.push_back(std::move(band));
    panel.series.push_back(std::move(curve));
  } else {
    for (const sweep::Level& level : levels)
      panel.x_names.push_back(value_words(axis, level.value));
    dots.kind = Series::Kind::kBars;
    dots.width = 0.6;
  }
  panel.series.push_back(std::move(dots));
  return panel;
}

// Draws from a range have no levels: the points themselves.
Panel scatter_panel(const StudyResults& study, std::size_t a, std::size_t figure,
                    const std::string& label, const std::string& unit, Colour colour) {
  Series dots{.kind = Series::Kind::kMarks, .label = "points", .pen = {colour}};
  for (std::size_t p = 0; p < study.plan.points.size(); ++p) {
    const double y = sweep::point_estimate(study, p, figure).mean;
    if (!std::isfinite(y)) continue;
    dots.x.push_back(study.plan.points[p][a]);
    dots.y.push_back(y);
  }
  const sweep::Axis& axis = study.plan.axes[a];
  Panel panel{.x = scale_of(axis.name, axis.unit, dots.x), .y = scale_of(label, unit, dots.y)};
  if (axis.logarithmic)
    panel.x = {.label = axis.name, .log = true, .prefixed = axis.unit == "1" ? "" : axis.unit};
  panel.y_range = range_of(dots.y);
  panel.series.push_back(std::move(dots));
  return panel;
}

Chart parameter_chart(const StudyResults& study, std::size_t a) {
  const sweep::Axis& axis = study.plan.axes[a];
  Chart chart = begin_chart(study, axis.name, axis.name + ", " + axis.what);
  const std::size_t nats = sweep::quality_figure(study);
  const bool levels = !sweep::main_effect(study, a, nats).empty();
  chart.facts.push_back(levels ? study.plan.design == "one_at_a_time"
                                     ? "All other parameters at their first values."
                                     : "Over all points that have the value."
                               : "Each point by itself.");
  const auto panel = levels ? effect_panel : scatter_panel;
  chart.panels.push_back(panel(study, a, nats, sweep::quality_name(study), "1", Colour::kTable));
  if (const auto energy = sweep::energy_figure(study))
    chart.panels.push_back(panel(study, a, *energy, short_name(*energy), "J", Colour::kMeasured));
  return chart;
}

// Joules by part of the points on the front.
Chart energy_chart(const StudyResults& study, std::size_t energy) {
  Chart chart = begin_chart(study, "energy", "energy by part, on the front");
  std::vector<std::size_t> points =
      sweep::pareto_front(study, energy, sweep::quality_figure(study));
  constexpr std::size_t kMost = 5;
  // Both ends of it, and some between.
  std::vector<std::size_t> shown;
  for (std::size_t k = 0; k < std::min(kMost, points.size()); ++k)
    shown.push_back(points[points.size() <= kMost ? k : k * (points.size() - 1) / (kMost - 1)]);
  std::vector<std::size_t> parts;
  for (const char* name :
       {"first_array", "second_array", "write_cells", "write_dac", "standing_converters",
        "standing_bias", "standing_dac", "standing_cells", "digital_control"})
    if (const std::size_t f = sweep::figure(fmt::format("energy_{}_j", name));
        sweep::is_known(study, f))
      parts.push_back(f);
  Panel panel{.x = {}, .y = {}};
  for (const std::size_t f : parts) {
    const std::string& name = sweep::figures()[f].name;
    panel.x_names.push_back(name.substr(7, name.size() - 9));
  }
  std::vector<double> all{0};
  const double width = 0.8 / static_cast<double>(std::max<std::size_t>(1, shown.size()));
  for (std::size_t k = 0; k < shown.size(); ++k) {
    Series bars{.kind = Series::Kind::kBars,
                .label = fmt::format("point {}", shown[k] + 1),
                .pen = family_pen(k, shown.size()),
                .width = 0.92 * width};
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const double joules = sweep::point_estimate(study, shown[k], parts[i]).mean;
      bars.x.push_back(static_cast<double>(i) - 0.4 + (static_cast<double>(k) + 0.5) * width);
      bars.y.push_back(std::isfinite(joules) ? joules : 0);
      all.push_back(bars.y.back());
    }
    panel.series.push_back(std::move(bars));
    chart.facts.push_back(fmt::format("Point {}: {}.", shown[k] + 1, point_words(study, shown[k])));
  }
  panel.y = scale_of("energy per token", "J", all);
  panel.y_range = std::pair(0.0, 1.15 * *std::max_element(all.begin(), all.end()));
  chart.panels.push_back(std::move(panel));
  return chart;
}

std::vector<std::size_t> varied(const StudyResults& study) {
  std::vector<std::size_t> axes;
  for (std::size_t a = 0; a < study.plan.axes.size(); ++a)
    if (study.plan.axes[a].varied()) axes.push_back(a);
  return axes;
}

bool has_scores(const StudyResults& study) {
  return sweep::is_known(study, sweep::quality_figure(study));
}

}  // namespace

std::vector<std::string> chart_names(const StudyResults& study) {
  std::vector<std::string> names;
  if (!has_scores(study)) return names;
  if (sweep::energy_figure(study)) names.emplace_back("pareto");
  if (!sweep::sensitivities(study, sweep::quality_figure(study), sweep::Of::kValue).rows.empty())
    names.emplace_back("sensitivities");
  for (const std::size_t a : varied(study)) names.push_back(study.plan.axes[a].name);
  if (sweep::energy_figure(study)) names.emplace_back("energy");
  return names;
}

Chart study_chart(const StudyResults& study, const std::string& name) {
  const std::vector<std::string> names = chart_names(study);
  if (std::find(names.begin(), names.end(), name) == names.end())
    throw Error({.place = study.path.string(),
                 .value = name,
                 .rule = "there is no such picture in it",
                 .remedy = names.empty() ? "none of its runs has a number"
                                         : fmt::format("there are {}", fmt::join(names, ", "))});
  if (name == "pareto") return pareto_chart(study, *sweep::energy_figure(study));
  if (name == "sensitivities") return sensitivity_chart(study);
  if (name == "energy") return energy_chart(study, *sweep::energy_figure(study));
  for (const std::size_t a : varied(study))
    if (study.plan.axes[a].name == name) return parameter_chart(study, a);
  return {};
}

}  // namespace gaincell::plot
