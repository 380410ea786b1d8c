#include "plot/device_charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/si_prefix.h"
#include "base/suggest.h"
#include "lut/retention.h"
#include "plot/axes.h"
#include "plot/energy_chart.h"

namespace gaincell::plot {
namespace {

constexpr const char* kEnergy = "energy";
constexpr const char* kRetention = "cell_retention";

std::vector<double> nodes_of(const lut::Axis& axis) {
  return {axis.nodes().begin(), axis.nodes().end()};
}

Scale scale_of_axis(const lut::Axis& axis, std::size_t most_letters = 48) {
  return axis_scale(axis.name(), axis.long_name(), axis.unit(), nodes_of(axis), most_letters);
}

std::size_t axis_of(const lut::Table& table, const std::string& name) {
  std::vector<std::string> names;
  for (std::size_t a = 0; a < table.dimensions(); ++a) {
    if (table.axis(a).name() == name) return a;
    names.push_back(table.axis(a).name());
  }
  throw Error({.place = table.name(),
               .value = name,
               .rule = "the table has no such axis",
               .remedy = suggest_remedy(name, names)});
}

// Which axes are drawn, and where the table is cut through the others.
struct Cut {
  std::vector<std::size_t> over;
  std::vector<double> place;  // by axis
  std::string words;          // "at v_bitline 450 mV"
};

Cut cut_of(const lut::Table& table, const View& view) {
  Cut cut;
  for (const std::string& name : view.over) cut.over.push_back(axis_of(table, name));
  if (view.over.empty())
    for (std::size_t a = 0; a < std::min<std::size_t>(table.dimensions(), 2); ++a)
      cut.over.push_back(a);
  for (std::size_t a = 0; a < table.dimensions(); ++a)
    cut.place.push_back(table.axis(a).nodes()[table.axis(a).size() / 2]);
  for (const auto& [name, text] : view.at) {
    const std::size_t a = axis_of(table, name);
    const lut::Axis& axis = table.axis(a);
    const double value = quantity_at(name, text, axis.unit());
    if (!(value >= axis.front() && value <= axis.back()))
      throw Error(
          {.place = table.name(),
           .key = name,
           .value = told(value, axis.unit()),
           .rule = fmt::format("the table reaches from {} to {}", told(axis.front(), axis.unit()),
                               told(axis.back(), axis.unit()))});
    if (std::find(cut.over.begin(), cut.over.end(), a) != cut.over.end())
      throw Error({.place = table.name(),
                   .key = name,
                   .rule = "can't be both what is drawn over and held at a value",
                   .remedy = "say with --over what is drawn over"});
    cut.place[a] = value;
  }
  for (std::size_t a = 0; a < table.dimensions(); ++a)
    if (std::find(cut.over.begin(), cut.over.end(), a) == cut.over.end())
      cut.words +=
          fmt::format("{}{}", cut.words.empty() ? "at " : ", ",
                      table.axis(a).name() + " " + told(cut.place[a], table.axis(a).unit()));
  return cut;
}

std::string error_fact(const lut::TableEntry& entry) {
  const lut::Accuracy& a = entry.accuracy;
  if (a.points == 0) return "Error not known: no simulation was kept from the table.";
  const std::string& unit = entry.table.quantity().unit;
  return fmt::format(
      "Off {} simulations that the table has not seen by at most {} ({:.3g} % of full scale), rms "
      "{}.",
      a.points, told(a.max_abs, unit), a.max_percent, told(a.rms_abs, unit));
}

// How far the hold-out points are off, over one axis, with what the device states and what its
// bench allows.
Panel residuals(const lut::TableEntry& entry, const Scale& x, std::size_t axis) {
  const std::string& unit = entry.table.quantity().unit;
  const lut::HoldOut& points = entry.hold_out;
  std::vector<double> off;
  for (std::size_t i = 0; i < points.measured.size(); ++i)
    off.push_back(points.measured[i] - points.predicted[i]);
  const double most = entry.accuracy.max_abs;
  const lut::Axis& nodes = entry.table.axis(axis);
  const double low = x.log ? places(nodes_of(nodes), x, 2).front() : nodes.front();
  const std::vector<double> ends{low, nodes.back()};
  Panel panel{.x = x, .y = scale_of("simulated - table", unit, {most}), .share = 0.66};
  panel.series.push_back({.kind = Series::Kind::kBand,
                          .label = "max error",
                          .pen = {Colour::kBand},
                          .x = ends,
                          .y = {-most, -most},
                          .high = {most, most}});
  const double rms = entry.accuracy.rms_abs;
  panel.series.push_back({.kind = Series::Kind::kDashes,
                          .label = "rms",
                          .pen = {Colour::kTable},
                          .x = {ends[0], ends[1], ends[1], ends[0]},
                          .y = {rms, rms, std::nan(""), std::nan("")}});
  panel.series.back().x = {ends[0], ends[1], ends[1], ends[0], ends[1]};
  panel.series.back().y = {rms, rms, std::nan(""), -rms, -rms};
  panel.series.push_back({.kind = Series::Kind::kDots,
                          .label = "hold-out",
                          .pen = {Colour::kMeasured},
                          .x = points.coordinates[axis],
                          .y = off});
  panel.y_range = std::pair(-1.15 * most, 1.15 * most);
  if (most > 0)
    panel.y_step = round_below(most);
  else
    panel.y_range.reset();
  return panel;
}

Panel curve(const lut::TableEntry& entry, const Cut& cut) {
  const lut::Table& table = entry.table;
  const std::size_t axis = cut.over.front();
  const Scale x = scale_of_axis(table.axis(axis));
  std::vector<double> at = places(nodes_of(table.axis(axis)), x, 240);
  for (const double node : table.axis(axis).nodes())
    if (!x.log || node > 0) at.push_back(node);
  std::sort(at.begin(), at.end());
  Series line{.kind = Series::Kind::kLine, .label = "table", .pen = {Colour::kTable}, .x = at};
  Series band{.kind = Series::Kind::kBand, .label = "max error", .pen = {Colour::kBand}, .x = at};
  std::vector<double> place = cut.place;
  for (const double value : at) {
    place[axis] = value;
    line.y.push_back(table.at(std::span<const double>(place)));
    band.y.push_back(line.y.back() - entry.accuracy.max_abs);
    band.high.push_back(line.y.back() + entry.accuracy.max_abs);
  }
  Panel panel{.x = x, .y = scale_of(table.name(), table.quantity().unit, line.y)};
  if (entry.accuracy.points > 0) panel.series.push_back(std::move(band));
  panel.series.push_back(std::move(line));
  if (table.dimensions() == 1 && entry.accuracy.points > 0)
    panel.series.push_back({.kind = Series::Kind::kDots,
                            .label = "hold-out",
                            .pen = {Colour::kMeasured},
                            .x = entry.hold_out.coordinates[0],
                            .y = entry.hold_out.measured});
  return panel;
}

Panel surface(const lut::TableEntry& entry, const Cut& cut) {
  constexpr std::size_t kFields = 25;
  const lut::Table& table = entry.table;
  const std::size_t first = cut.over[0], second = cut.over[1];
  const Scale x = scale_of_axis(table.axis(first)), y = scale_of_axis(table.axis(second), 26);
  Surface fields{.x = places(nodes_of(table.axis(first)), x, kFields),
                 .y = places(nodes_of(table.axis(second)), y, kFields)};
  std::vector<double> place = cut.place;
  for (const double a : fields.x)
    for (const double b : fields.y) {
      place[first] = a;
      place[second] = b;
      fields.values.push_back(table.at(std::span<const double>(place)));
    }
  if (table.dimensions() == 2 && entry.accuracy.points > 0) {
    fields.point_x = entry.hold_out.coordinates[first];
    fields.point_y = entry.hold_out.coordinates[second];
    fields.point_value = entry.hold_out.measured;
  }
  const Scale z = scale_of(table.name(), table.quantity().unit, fields.values);
  return {.x = x, .y = y, .z = z, .surface = std::move(fields), .share = 1.1};
}

Chart table_chart(const lut::TableEntry& entry, const View& view) {
  const lut::Table& table = entry.table;
  if (view.over.size() > 2)
    throw Error({.place = "--over",
                 .value = fmt::format("{}", fmt::join(view.over, ",")),
                 .rule = "a picture has one or two axes"});
  const Cut cut = cut_of(table, view);
  Chart chart{.name = table.name(),
              .title = fmt::format("{}: {}", table.name(), table.quantity().long_name),
              .facts = {error_fact(entry)}};
  if (!cut.words.empty())
    chart.facts.push_back("Drawn " + cut.words + "; the lower picture has all hold-out points.");
  chart.panels.push_back(cut.over.size() == 1 ? curve(entry, cut) : surface(entry, cut));
  if (entry.accuracy.points > 0)
    chart.panels.push_back(residuals(entry, chart.panels.front().x, cut.over.front()));
  return chart;
}

std::vector<double> starts_of(const lut::TableEntry& entry) {
  std::set<double> all;
  if (entry.accuracy.points > 0)
    all.insert(entry.hold_out.coordinates[0].begin(), entry.hold_out.coordinates[0].end());
  constexpr std::size_t kMost = 40;
  if (all.empty() || all.size() > kMost) return places(nodes_of(entry.table.axis(0)), {}, 8);
  return {all.begin(), all.end()};
}

void add_half_level(const lut::DeviceFile& device, const lut::TableEntry& entry, Chart& chart) {
  const std::optional<double> lost = lut::half_a_level_v(device);
  if (!lost) {
    chart.facts.emplace_back("Half a level is not known: the device has no v_zero and kv_levels.");
    return;
  }
  Series line{.kind = Series::Kind::kDashes, .label = "half a level lost", .pen = {Colour::kLimit}};
  double first = std::numeric_limits<double>::infinity(), first_v = 0;
  const double top = 2 * device.constant("v_zero");
  for (const double start : places({0, top}, {}, 121)) {
    const std::optional<double> age = lut::age_of_loss_s(entry.table, start, *lost);
    line.x.push_back(age.value_or(std::nan("")));
    line.y.push_back(age ? entry.table.at(start, *age) : std::nan(""));
    if (age && *age < first) {
      first = *age;
      first_v = start;
    }
  }
  chart.facts.push_back(
      std::isfinite(first)
          ? fmt::format("Half a level is {}: lost first after {}, by a cell that was left at {}.",
                        told(*lost, "V"), told(first, "s"), told(first_v, "V"))
          : fmt::format("Half a level is {}: no cell loses it in {}.", told(*lost, "V"),
                        told(entry.table.axis(1).back(), "s")));
  chart.panels.front().series.push_back(std::move(line));
}

// Curves from the starts of the long transients, so that each measured point has its own.
Chart retention_chart(const lut::DeviceFile& device, const lut::TableEntry& entry) {
  const lut::Table& table = entry.table;
  const Scale x = scale_of_axis(table.axis(1));
  Panel panel{
      .x = x,
      .y = scale_of("stored voltage", table.quantity().unit, {table.minimum(), table.maximum()})};
  const std::vector<double> starts = starts_of(entry);
  const std::vector<double> ages = places(nodes_of(table.axis(1)), x, 160);
  for (std::size_t i = 0; i < starts.size(); ++i) {
    Series line{.kind = Series::Kind::kLine, .pen = family_pen(i, starts.size()), .x = ages};
    if (i == 0) line.label = "table";
    for (const double age : ages) line.y.push_back(table.at(starts[i], age));
    panel.series.push_back(std::move(line));
  }
  Chart chart{.name = table.name(),
              .title = fmt::format("{}: {}", table.name(), table.quantity().long_name),
              .facts = {error_fact(entry)},
              .panels = {std::move(panel)}};
  add_half_level(device, entry, chart);
  if (entry.accuracy.points == 0) return chart;
  chart.panels.front().series.push_back({.kind = Series::Kind::kDots,
                                         .label = "long transients",
                                         .pen = {Colour::kMeasured},
                                         .x = entry.hold_out.coordinates[1],
                                         .y = entry.hold_out.measured});
  chart.panels.push_back(residuals(entry, x, 1));
  return chart;
}

bool is_retention(const lut::TableEntry& entry) {
  const lut::Table& table = entry.table;
  return table.name() == kRetention && table.dimensions() == 2 && table.axis(1).name() == "age";
}

}  // namespace

std::vector<std::string> chart_names(const lut::DeviceFile& device) {
  std::vector<std::string> names;
  for (const lut::TableEntry& entry : device.tables()) names.push_back(entry.table.name());
  if (has_energies(device)) names.emplace_back(kEnergy);
  return names;
}

Chart device_chart(const lut::DeviceFile& device, const std::string& name, const View& view) {
  const lut::TableEntry* entry = device.find_table(name);
  const bool plain = view.over.empty() && view.at.empty();
  if (entry != nullptr)
    return plain && is_retention(*entry) ? retention_chart(device, *entry)
                                         : table_chart(*entry, view);
  const std::vector<std::string> names = chart_names(device);
  if (name != kEnergy || !has_energies(device))
    throw Error({.place = device.place(),
                 .value = name,
                 .rule = "there is no such picture in it",
                 .remedy = fmt::format("there are {}", fmt::join(names, ", "))});
  if (!plain)
    throw Error(
        {.place = name, .rule = "is drawn by part alone", .remedy = "leave out --over and --at"});
  return energy_chart(device);
}

}  // namespace gaincell::plot
