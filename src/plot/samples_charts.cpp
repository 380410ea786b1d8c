#include "plot/samples_charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/si_prefix.h"
#include "base/suggest.h"
#include "plot/axes.h"

namespace gaincell::plot {
namespace {

using lut::SampledBench;
using lut::Series;
using Curve = plot::Series;

struct Found {
  const SampledBench* bench;
  const Series* measurement;
};

Found find(const lut::SamplesFile& samples, const std::string& name) {
  std::vector<Found> found;
  for (const SampledBench& bench : samples.benches)
    for (const auto& [key, series] : bench.measurements)
      if (name == key || name == bench.name + "." + key) found.push_back({&bench, &series});
  if (found.size() == 1) return found.front();
  if (found.empty())
    throw Error({.place = samples.place,
                 .value = name,
                 .rule = "there is no such measurement in it",
                 .remedy = fmt::format("there are {}", fmt::join(chart_names(samples), ", "))});
  std::vector<std::string> benches;
  for (const Found& one : found) benches.push_back(one.bench->name + "." + name);
  throw Error({.place = samples.place,
               .value = name,
               .rule = "several benches measure it",
               .remedy = fmt::format("say which: {}", fmt::join(benches, ", "))});
}

// A condition that has different values at different points, in the order of the bench.
std::vector<std::string> varied(const SampledBench& bench) {
  std::vector<std::string> names;
  for (const lut::Axis& axis : bench.axes)
    if (bench.conditions.contains(axis.name())) names.push_back(axis.name());
  for (const auto& [name, series] : bench.conditions) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    if (std::set<double>(series.values.begin(), series.values.end()).size() > 1)
      names.push_back(name);
  }
  return names;
}

const Series& condition(const SampledBench& bench, const std::string& name) {
  const auto found = bench.conditions.find(name);
  if (found != bench.conditions.end()) return found->second;
  std::vector<std::string> names = varied(bench);
  throw Error({.place = bench.name,
               .value = name,
               .rule = "the bench has no such condition of one number",
               .remedy = names.empty() ? "none of its conditions is varied"
                                       : fmt::format("it varies {}", fmt::join(names, ", "))});
}

// What a condition is at its grid points, rising; of hold-out points nothing.
std::vector<double> values_of(const SampledBench& bench, const Series& series) {
  std::set<double> all;
  for (std::size_t p = 0; p < bench.points(); ++p)
    if (bench.hold_out[p] == 0) all.insert(series.values[p]);
  return {all.begin(), all.end()};
}

std::string value_text(const Series& series, double value) {
  const auto word = static_cast<std::size_t>(std::max(0.0, value));
  if (word < series.words.size()) return series.words[word];
  return told(value, series.quantity.unit);
}

// The bench's points at which all conditions but those drawn over have one value.
struct Slice {
  std::vector<std::string> over;
  std::vector<std::size_t> grid, hold_out;
  std::string words;
};

double asked_value(const Series& series, const std::string& name, const std::string& text) {
  const auto word = std::find(series.words.begin(), series.words.end(), text);
  if (word != series.words.end()) return static_cast<double>(word - series.words.begin());
  if (series.words.empty()) return quantity_at(name, text, series.quantity.unit);
  throw Error({.place = "--at",
               .key = name,
               .value = text,
               .rule = "was not simulated",
               .remedy = suggest_remedy(text, series.words)});
}

double held_at(const SampledBench& bench, const std::string& name, const View& view) {
  const Series& series = condition(bench, name);
  const std::vector<double> values = values_of(bench, series);
  const auto asked = view.at.find(name);
  if (asked == view.at.end())
    return series.words.empty() ? values[values.size() / 2] : values.front();
  const double wanted = asked_value(series, name, asked->second);
  const auto nearest = std::min_element(values.begin(), values.end(), [wanted](double a, double b) {
    return std::abs(a - wanted) < std::abs(b - wanted);
  });
  if (std::abs(*nearest - wanted) <= 1e-6 * std::abs(wanted)) return *nearest;
  std::vector<std::string> words;
  for (const double value : values) words.push_back(value_text(series, value));
  throw Error({.place = bench.name,
               .key = name,
               .value = asked->second,
               .rule = "was not simulated at that value",
               .remedy = fmt::format("there are {}", fmt::join(words, ", "))});
}

bool has_axis(const SampledBench& bench, const std::string& name) {
  return std::any_of(bench.axes.begin(), bench.axes.end(),
                     [&](const lut::Axis& axis) { return axis.name() == name; });
}

Slice slice_of(const SampledBench& bench, const std::vector<std::string>& over, const View& view) {
  Slice slice{.over = over, .grid = {}, .hold_out = {}, .words = {}};
  for (const std::string& name : over) (void)condition(bench, name);
  for (const auto& [name, value] : view.at) {
    (void)condition(bench, name);
    if (std::find(over.begin(), over.end(), name) != over.end())
      throw Error({.place = bench.name,
                   .key = name,
                   .rule = "can't be both what is drawn over and held at a value",
                   .remedy = "say with --over what is drawn over"});
  }
  std::vector<std::pair<const Series*, double>> held;
  for (const std::string& name : varied(bench)) {
    if (std::find(over.begin(), over.end(), name) != over.end()) continue;
    // Conditions that go along with others have no grid to be held on, unless that is asked.
    if (!has_axis(bench, name) && !view.at.contains(name)) continue;
    const Series& series = condition(bench, name);
    held.emplace_back(&series, held_at(bench, name, view));
    slice.words += fmt::format("{}{} {}", slice.words.empty() ? "At " : ", ", name,
                               value_text(series, held.back().second));
  }
  for (std::size_t p = 0; p < bench.points(); ++p) {
    const bool here = std::all_of(held.begin(), held.end(), [&](const auto& one) {
      return one.first->values[p] == one.second;
    });
    if (bench.hold_out[p] != 0) {
      if (held.empty()) slice.hold_out.push_back(p);
    } else if (here) {
      slice.grid.push_back(p);
    }
  }
  return slice;
}

std::string failed_fact(const SampledBench& bench, const Series& measurement,
                        const std::vector<std::size_t>& points) {
  const auto failed = std::count_if(points.begin(), points.end(), [&](std::size_t p) {
    return !std::isfinite(measurement.values[p]);
  });
  return failed == 0 ? std::string()
                     : fmt::format("{} of {} points of {} have no number and are not drawn.",
                                   failed, points.size(), bench.name);
}

Chart begin_chart(const SampledBench& bench, const Series& measurement) {
  const std::string& words = measurement.quantity.long_name;
  Chart chart{.name = bench.name + "." + measurement.quantity.name, .title = {}, .panels = {}};
  chart.title =
      chart.name + (words.empty() || words == measurement.quantity.name ? "" : ": " + words);
  return chart;
}

struct Limit {
  const char* relation;
  double value;
};

std::vector<Limit> limits_of(const Series& measurement) {
  std::vector<Limit> limits;
  if (measurement.spec_minimum) limits.push_back({"at least", *measurement.spec_minimum});
  if (measurement.spec_maximum) limits.push_back({"at most", *measurement.spec_maximum});
  return limits;
}

std::string limits_fact(const Series& measurement) {
  std::string fact;
  for (const Limit& limit : limits_of(measurement))
    fact += fmt::format("{} {} {}", fact.empty() ? "Limit:" : ",", limit.relation,
                        told(limit.value, measurement.quantity.unit));
  return fact.empty() ? fact : fact + ".";
}

// Limits that lie where the numbers are, or as far beyond as these reach: one a decade away would
// make all of them a flat line, and stands in the facts alone.
std::vector<Limit> limits_in_sight(const Series& measurement, const std::vector<double>& values) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  std::vector<Limit> limits = limits_of(measurement);
  const double reach = high - low;
  std::erase_if(limits, [&](const Limit& limit) {
    return !(limit.value >= low - reach && limit.value <= high + reach);
  });
  return limits;
}

Curve limit_line(const Limit& limit, const std::string& unit) {
  Curve line{.kind = Curve::Kind::kDashes, .pen = {Colour::kLimit}};
  line.label = fmt::format("{} {}", limit.relation, told(limit.value, unit));
  return line;
}

struct Moments {
  std::size_t count = 0;
  double mean = 0, sigma = 0;
};

Moments moments_of(const std::vector<double>& values) {
  Moments m;
  double squares = 0;
  for (const double value : values) {
    // Welford's recurrence.
    ++m.count;
    const double step = value - m.mean;
    m.mean += step / static_cast<double>(m.count);
    squares += step * (value - m.mean);
  }
  m.sigma = m.count > 1 ? std::sqrt(squares / static_cast<double>(m.count - 1)) : 0;
  return m;
}

Panel histogram(const Series& measurement, const std::vector<double>& values, const Moments& m) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const auto bins = static_cast<std::size_t>(
      std::clamp(std::ceil(std::sqrt(static_cast<double>(values.size()))), 5.0, 40.0));
  const double width = (*high - *low) / static_cast<double>(bins);
  Curve bars{.kind = Curve::Kind::kBars, .label = "draws", .pen = {Colour::kBand}};
  bars.width = 0.94 * width;
  std::vector<double> count(bins, 0);
  for (const double value : values)
    ++count[std::min(bins - 1, static_cast<std::size_t>((value - *low) / width))];
  for (std::size_t b = 0; b < bins; ++b) {
    bars.x.push_back(*low + (static_cast<double>(b) + 0.5) * width);
    bars.y.push_back(count[b]);
  }
  Curve normal{.kind = Curve::Kind::kLine,
               .label = "normal, same mean and sigma",
               .pen = {Colour::kMeasured}};
  constexpr double kPi = 3.141592653589793;
  const double n = static_cast<double>(m.count) * width / (m.sigma * std::sqrt(2 * kPi));
  for (const double x : places({m.mean - 4 * m.sigma, m.mean + 4 * m.sigma}, {}, 161)) {
    normal.x.push_back(x);
    normal.y.push_back(n * std::exp(-0.5 * std::pow((x - m.mean) / m.sigma, 2)));
  }
  const double most = *std::max_element(count.begin(), count.end());
  Panel panel{.x = scale_of(measurement.quantity.name, measurement.quantity.unit, normal.x),
              .y = {.label = "draws"}};
  panel.y_range = std::pair(0.0, 1.1 * std::max(most, n));
  panel.series = {std::move(bars), std::move(normal)};
  for (const Limit& limit : limits_in_sight(measurement, values)) {
    Curve line = limit_line(limit, measurement.quantity.unit);
    line.x = {limit.value, limit.value};
    line.y = {0, panel.y_range->second};
    panel.series.push_back(std::move(line));
  }
  return panel;
}

Chart spread_chart(const SampledBench& bench, const Series& measurement, const View& view) {
  const Slice slice = slice_of(bench, {}, view);
  std::vector<double> values;
  for (const std::size_t p : slice.grid)
    if (std::isfinite(measurement.values[p])) values.push_back(measurement.values[p]);
  const Moments m = moments_of(values);
  Chart chart = begin_chart(bench, measurement);
  if (!(m.sigma > 0))
    throw Error({.place = bench.name,
                 .key = measurement.quantity.name,
                 .rule = "does not differ from draw to draw, so there is no spread to be drawn",
                 .remedy = "--over CONDITION draws it against a condition"});
  const std::string& unit = measurement.quantity.unit;
  chart.facts.push_back(fmt::format("{} draws: mean {}, sigma {}.", m.count, told(m.mean, unit),
                                    told(m.sigma, unit)));
  for (const lut::SpreadOrder& order : bench.spreads)
    if (order.of == measurement.quantity.name)
      chart.facts.push_back(fmt::format("A device has it as spread_{}{}.", order.name,
                                        order.relative ? ", relative to the mean" : ""));
  if (!slice.words.empty()) chart.facts.push_back(slice.words + ".");
  if (const std::string limits = limits_fact(measurement); !limits.empty())
    chart.facts.push_back(limits);
  if (const std::string failed = failed_fact(bench, measurement, slice.grid); !failed.empty())
    chart.facts.push_back(failed);
  chart.panels.push_back(histogram(measurement, values, m));
  return chart;
}

// One value an abscissa: what draws have is averaged.
Curve line_of(const Series& x, const Series& measurement, const std::vector<std::size_t>& points) {
  std::map<double, std::pair<double, double>> sums;
  for (const std::size_t p : points) {
    if (!std::isfinite(measurement.values[p])) continue;
    sums[x.values[p]].first += measurement.values[p];
    sums[x.values[p]].second += 1;
  }
  Curve line{.kind = Curve::Kind::kLine, .pen = {Colour::kTable}};
  for (const auto& [place, sum] : sums) {
    line.x.push_back(place);
    line.y.push_back(sum.first / sum.second);
  }
  return line;
}

Curve dots_of(const Series& x, const Series& measurement, const std::vector<std::size_t>& points) {
  Curve dots{.kind = Curve::Kind::kDots, .pen = {Colour::kMeasured}};
  for (const std::size_t p : points) {
    dots.x.push_back(x.values[p]);
    dots.y.push_back(measurement.values[p]);
  }
  return dots;
}

// Across the panel, at their heights.
void add_limits(const Series& measurement, Panel& panel) {
  std::vector<double> all, places;
  for (const Curve& curve : panel.series) {
    all.insert(all.end(), curve.y.begin(), curve.y.end());
    places.insert(places.end(), curve.x.begin(), curve.x.end());
  }
  if (places.empty()) return;
  const auto [first, last] = std::minmax_element(places.begin(), places.end());
  for (const Limit& limit : limits_in_sight(measurement, all)) {
    Curve line = limit_line(limit, measurement.quantity.unit);
    line.x = {*first, *last};
    line.y = {limit.value, limit.value};
    panel.series.push_back(std::move(line));
  }
}

Scale scale_of_condition(const SampledBench& bench, const Series& series,
                         std::size_t most_letters = 48) {
  if (!series.words.empty()) return {.label = series.quantity.name};
  return axis_scale(series.quantity.name, series.quantity.long_name, series.quantity.unit,
                    values_of(bench, series), most_letters);
}

Panel over_one(const SampledBench& bench, const Series& measurement, const Slice& slice) {
  const Series& x = condition(bench, slice.over[0]);
  Panel panel{
      .x = scale_of_condition(bench, x),
      .y = scale_of(measurement.quantity.name, measurement.quantity.unit, measurement.values),
      .x_names = x.words};
  Curve line = line_of(x, measurement, slice.grid);
  line.label = bench.draw.empty() ? "simulated" : "mean of draws";
  Curve dots = dots_of(x, measurement, slice.grid);
  const bool few = slice.grid.size() <= 60 || !bench.draw.empty();
  if (few && !bench.draw.empty()) dots.label = "draws";
  panel.series.push_back(std::move(line));
  if (few) panel.series.push_back(std::move(dots));
  if (!slice.hold_out.empty()) {
    panel.series.push_back(dots_of(x, measurement, slice.hold_out));
    panel.series.back().label = "kept from tables";
    panel.series.back().pen = {Colour::kPublished};
  }
  add_limits(measurement, panel);
  return panel;
}

// A curve for each value of the second condition, or some of them.
Panel family(const SampledBench& bench, const Series& measurement, const Slice& slice) {
  const Series& x = condition(bench, slice.over[0]);
  const Series& second = condition(bench, slice.over[1]);
  std::vector<double> values = values_of(bench, second);
  constexpr std::size_t kMost = 7;
  if (values.size() > kMost) {
    std::vector<double> some;
    for (std::size_t i = 0; i < kMost; ++i)
      some.push_back(values[i * (values.size() - 1) / (kMost - 1)]);
    values = some;
  }
  Panel panel{
      .x = scale_of_condition(bench, x),
      .y = scale_of(measurement.quantity.name, measurement.quantity.unit, measurement.values),
      .x_names = x.words};
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::vector<std::size_t> points;
    for (const std::size_t p : slice.grid)
      if (second.values[p] == values[i]) points.push_back(p);
    Curve line = line_of(x, measurement, points);
    line.pen = family_pen(i, values.size());
    line.label = value_text(second, values[i]);
    panel.series.push_back(std::move(line));
  }
  add_limits(measurement, panel);
  return panel;
}

std::optional<Panel> surface(const SampledBench& bench, const Series& measurement,
                             const Slice& slice) {
  const Series& x = condition(bench, slice.over[0]);
  const Series& y = condition(bench, slice.over[1]);
  if (!x.words.empty() || !y.words.empty()) return std::nullopt;
  Surface fields{.x = values_of(bench, x), .y = values_of(bench, y)};
  constexpr std::size_t kLeast = 4, kMost = 1600;
  if (std::min(fields.x.size(), fields.y.size()) < kLeast ||
      fields.x.size() * fields.y.size() > kMost)
    return std::nullopt;
  std::map<std::pair<double, double>, std::pair<double, double>> sums;
  for (const std::size_t p : slice.grid) {
    if (!std::isfinite(measurement.values[p])) continue;
    auto& sum = sums[{x.values[p], y.values[p]}];
    sum.first += measurement.values[p];
    sum.second += 1;
  }
  const Scale x_scale = scale_of_condition(bench, x), y_scale = scale_of_condition(bench, y, 26);
  const auto drop = [](std::vector<double>& nodes, const Scale& scale) {
    if (scale.log) std::erase_if(nodes, [](double node) { return node <= 0; });
  };
  drop(fields.x, x_scale);
  drop(fields.y, y_scale);
  for (const double a : fields.x)
    for (const double b : fields.y) {
      const auto found = sums.find({a, b});
      fields.values.push_back(found == sums.end() ? std::nan("")
                                                  : found->second.first / found->second.second);
    }
  for (const std::size_t p : slice.hold_out) {
    fields.point_x.push_back(x.values[p]);
    fields.point_y.push_back(y.values[p]);
    fields.point_value.push_back(measurement.values[p]);
  }
  const Scale z = scale_of(measurement.quantity.name, measurement.quantity.unit, fields.values);
  return Panel{.x = x_scale, .y = y_scale, .z = z, .surface = std::move(fields)};
}

// Files say which draw a point is; without that, points of a bench without axes differ by nothing
// else.
bool is_drawn(const SampledBench& bench) {
  return !bench.draw.empty() ||
         (bench.axes.empty() && bench.points() > 1 && !bench.spreads.empty());
}

std::vector<std::string> drawn_over(const SampledBench& bench, const View& view) {
  if (view.over.size() > 2)
    throw Error({.place = "--over",
                 .value = fmt::format("{}", fmt::join(view.over, ",")),
                 .rule = "a picture has one or two axes"});
  if (!view.over.empty()) return view.over;
  std::vector<std::string> over;
  for (const std::string& name : varied(bench)) {
    if (over.size() == 2 || view.at.contains(name)) continue;
    if (over.empty() || has_axis(bench, name)) over.push_back(name);
  }
  if (over.empty())
    throw Error({.place = bench.name,
                 .rule = "has one point: there is nothing to draw it over",
                 .remedy = "`gaincell datasheet` prints its numbers"});
  return over;
}

}  // namespace

std::vector<std::string> chart_names(const lut::SamplesFile& samples) {
  std::vector<std::string> names;
  for (const SampledBench& bench : samples.benches)
    for (const auto& [name, series] : bench.measurements) names.push_back(bench.name + "." + name);
  return names;
}

std::vector<std::string> main_chart_names(const lut::SamplesFile& samples) {
  std::vector<std::string> names;
  const auto add = [&](const SampledBench& bench, const std::string& measurement) {
    const std::string name = bench.name + "." + measurement;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const SampledBench& bench : samples.benches) {
    if (bench.points() < 2) continue;
    for (const lut::TableOrder& table : bench.tables) add(bench, table.of);
    for (const lut::SpreadOrder& spread : bench.spreads) add(bench, spread.of);
  }
  return names;
}

Chart samples_chart(const lut::SamplesFile& samples, const std::string& name, const View& view) {
  const auto [bench, measurement] = find(samples, name);
  if (is_drawn(*bench) && view.over.empty()) return spread_chart(*bench, *measurement, view);
  const Slice slice = slice_of(*bench, drawn_over(*bench, view), view);
  Chart chart = begin_chart(*bench, *measurement);
  if (!slice.words.empty()) chart.facts.push_back(slice.words + ".");
  if (const std::string limits = limits_fact(*measurement); !limits.empty())
    chart.facts.push_back(limits);
  if (const std::string failed = failed_fact(*bench, *measurement, slice.grid); !failed.empty())
    chart.facts.push_back(failed);
  if (slice.over.size() == 1) {
    chart.panels.push_back(over_one(*bench, *measurement, slice));
  } else if (std::optional<Panel> fields = surface(*bench, *measurement, slice)) {
    chart.panels.push_back(std::move(*fields));
  } else {
    chart.facts.push_back("A curve for each of some values of " + slice.over[1] + ".");
    chart.panels.push_back(family(*bench, *measurement, slice));
  }
  return chart;
}

}  // namespace gaincell::plot
