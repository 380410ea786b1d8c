#include "cli/differences.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <sstream>
#include <utility>

#include "base/units.h"

namespace gaincell::cli {
namespace {

constexpr const char* kNothing = "-";

// Gathers what differs about one thing.
class About {
 public:
  About(std::vector<Difference>& all, std::string where) : all_(all), where_(std::move(where)) {}

  void texts(const std::string& what, const std::string& a, const std::string& b) {
    if (a != b) all_.push_back({where_, what, a.empty() ? kNothing : a, b.empty() ? kNothing : b});
  }

  void numbers(const std::string& what, const std::string& unit, double a, double b) {
    if (a == b) return;
    Difference one{where_, what, format_exact(a), format_exact(b), unit};
    one.max_abs = std::abs(b - a);
    if (a != 0) one.max_percent = 100 * std::abs((b - a) / a);
    one.points = 1;
    all_.push_back(std::move(one));
  }

  void optional_numbers(const std::string& what, const std::string& unit, std::optional<double> a,
                        std::optional<double> b) {
    if (a && b) {
      numbers(what, unit, *a, *b);
    } else if (a || b) {
      texts(what, a ? format_exact(*a) : "", b ? format_exact(*b) : "");
    }
  }

  void add(Difference one) {
    one.where = where_;
    all_.push_back(std::move(one));
  }

 private:
  std::vector<Difference>& all_;
  std::string where_;
};

// Adds up |b - a| over places, and remembers the worst.
class Deviations {
 public:
  void add(double a, double b, const std::function<std::string()>& place) {
    const double off = std::abs(b - a);
    low_ = count_ == 0 ? a : std::min(low_, a);
    high_ = count_ == 0 ? a : std::max(high_, a);
    ++count_;
    sum_of_squares_ += off * off;
    if (off <= worst_) return;
    worst_ = off;
    a_ = a;
    b_ = b;
    at_ = place();
  }

  bool differs() const { return worst_ > 0; }

  // `full_scale`: what 100 % is; without it the range of the first file's numbers.
  Difference difference(const std::string& what, const std::string& unit,
                        std::optional<double> full_scale = {}) const {
    Difference one{"", what, format_exact(a_), format_exact(b_), unit};
    one.max_abs = worst_;
    one.rms_abs = std::sqrt(sum_of_squares_ / static_cast<double>(count_));
    const double scale = full_scale.value_or(high_ - low_);
    if (scale > 0) one.max_percent = 100 * worst_ / scale;
    one.at = at_;
    one.points = count_;
    return one;
  }

 private:
  std::size_t count_ = 0;
  double worst_ = 0, sum_of_squares_ = 0, low_ = 0, high_ = 0, a_ = 0, b_ = 0;
  std::string at_;
};

// ---- texts

std::string line_of(const std::string& text, std::size_t number) {
  std::istringstream stream(text);
  std::string line;
  for (std::size_t i = 0; i <= number; ++i)
    if (!std::getline(stream, line)) return kNothing;
  return line.empty() ? kNothing : line;
}

// Long texts by the first line that differs.
void compare_texts(About& about, const std::string& what, const std::string& a,
                   const std::string& b) {
  if (a == b) return;
  if (a.find('\n') == std::string::npos && b.find('\n') == std::string::npos)
    return about.texts(what, a, b);
  const auto [in_a, in_b] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  const auto number = static_cast<std::size_t>(std::count(a.begin(), in_a, '\n'));
  about.texts(fmt::format("{}, from line {} on", what, number + 1), line_of(a, number),
              line_of(b, number));
}

std::string attribute_text(const lut::Provenance& provenance, const std::string& name) {
  const auto found = provenance.attributes.find(name);
  if (found == provenance.attributes.end()) return {};
  if (const auto* number = std::get_if<double>(&found->second)) return format_exact(*number);
  return std::get<std::string>(found->second);
}

void compare_provenance(std::vector<Difference>& all, const lut::Provenance& a,
                        const lut::Provenance& b) {
  About about(all, "provenance " + a.bench);
  std::map<std::string, int> names;
  for (const auto* one : {&a, &b})
    for (const auto& [name, value] : one->attributes) ++names[name];
  for (const auto& [name, count] : names)
    compare_texts(about, name, attribute_text(a, name), attribute_text(b, name));
}

// Calls both(x, y) for what both lists have by name, and notes what one has alone.
template <typename List, typename Name, typename Both>
void pair_up(std::vector<Difference>& all, const char* kind, const List& a, const List& b,
             Name name, Both both) {
  const auto in = [&](const List& list, const std::string& wanted) {
    return std::find_if(list.begin(), list.end(), [&](const auto& e) { return name(e) == wanted; });
  };
  const auto lonely = [&](const std::string& one, bool first) {
    all.push_back({fmt::format("{} {}", kind, one), "only in one file", first ? one : kNothing,
                   first ? kNothing : one});
  };
  for (const auto& entry : a) {
    const auto other = in(b, name(entry));
    if (other == b.end()) {
      lonely(name(entry), true);
    } else {
      both(entry, *other);
    }
  }
  for (const auto& entry : b)
    if (in(a, name(entry)) == a.end()) lonely(name(entry), false);
}

void compare_constants(std::vector<Difference>& all, const std::vector<lut::Constant>& a,
                       const std::vector<lut::Constant>& b, const std::string& kind) {
  pair_up(
      all, kind.c_str(), a, b, [](const lut::Constant& c) { return c.quantity.name; },
      [&](const lut::Constant& x, const lut::Constant& y) {
        About about(all, kind + " " + x.quantity.name);
        about.texts("units", x.quantity.unit, y.quantity.unit);
        about.texts("long_name", x.quantity.long_name, y.quantity.long_name);
        about.texts("bench", x.bench, y.bench);
        about.numbers("value", x.quantity.unit, x.value, y.value);
      });
}

// ---- devices

std::string axis_words(const lut::Axis& axis) {
  return fmt::format("{} points, {} to {} {}", axis.size(), axis.front(), axis.back(), axis.unit());
}

std::string rules_of(const lut::Table& table) {
  std::string text;
  for (std::size_t a = 0; a < table.dimensions(); ++a)
    text += fmt::format("{}{} {}", a == 0 ? "" : ", ", table.axis(a).name(),
                        lut::to_string(table.interpolation()[a]));
  return text;
}

bool same_variables(const lut::Table& a, const lut::Table& b) {
  return a.quantity().unit == b.quantity().unit &&
         std::equal(a.axes().begin(), a.axes().end(), b.axes().begin(), b.axes().end(),
                    [](const lut::Axis& x, const lut::Axis& y) {
                      return x.name() == y.name() && x.unit() == y.unit();
                    });
}

std::string place_words(const lut::Table& table, std::span<const double> x) {
  std::string text;
  for (std::size_t a = 0; a < x.size(); ++a)
    text += fmt::format("{}{} = {} {}", a == 0 ? "" : ", ", table.axis(a).name(), x[a],
                        table.axis(a).unit());
  return text;
}

// At the nodes of `grid`, as far as both tables reach.
void compare_at_nodes(Deviations& off, const lut::Table& a, const lut::Table& b,
                      const lut::Table& grid) {
  std::vector<std::size_t> index(grid.dimensions(), 0);
  std::vector<double> x(grid.dimensions());
  for (bool more = true; more;) {
    for (std::size_t axis = 0; axis < x.size(); ++axis)
      x[axis] = grid.axis(axis).nodes()[index[axis]];
    if (!a.outside(x) && !b.outside(x))
      off.add(a.at(x), b.at(x), [&] { return place_words(grid, x); });
    std::size_t axis = x.size();
    while (axis > 0 && ++index[axis - 1] == grid.axis(axis - 1).size()) index[--axis] = 0;
    more = axis > 0;
  }
}

void compare_tables(std::vector<Difference>& all, const lut::TableEntry& a,
                    const lut::TableEntry& b) {
  About about(all, "table " + a.table.name());
  const std::string& unit = a.table.quantity().unit;
  about.texts("units", unit, b.table.quantity().unit);
  about.texts("long_name", a.table.quantity().long_name, b.table.quantity().long_name);
  about.texts("bench", a.bench, b.bench);
  about.texts("comment", a.comment, b.comment);
  about.texts("axes and interpolation", rules_of(a.table), rules_of(b.table));
  if (same_variables(a.table, b.table)) {
    bool one_grid = true;
    for (std::size_t axis = 0; axis < a.table.dimensions(); ++axis) {
      const lut::Axis &x = a.table.axis(axis), &y = b.table.axis(axis);
      if (x == y) continue;
      one_grid = false;
      const std::string words = axis_words(x), others = axis_words(y);
      about.texts("axis " + x.name(), words, words == others ? others + ", at others" : others);
    }
    Deviations off;
    compare_at_nodes(off, a.table, b.table, a.table);
    if (!one_grid) compare_at_nodes(off, a.table, b.table, b.table);
    if (off.differs())
      about.add(
          off.difference(one_grid ? "values" : "values, interpolated", unit, a.table.full_scale()));
  }
  about.numbers("hold-out points", "1", static_cast<double>(a.accuracy.points),
                static_cast<double>(b.accuracy.points));
  if (a.accuracy.points > 0 && b.accuracy.points > 0) {
    about.numbers("stated error, max", unit, a.accuracy.max_abs, b.accuracy.max_abs);
    about.numbers("stated error, rms", unit, a.accuracy.rms_abs, b.accuracy.rms_abs);
  }
  if (a.hold_out.coordinates != b.hold_out.coordinates || a.hold_out.working != b.hold_out.working)
    about.texts("hold-out points", "at these places", "at others");
  if (a.hold_out.coordinates == b.hold_out.coordinates &&
      a.hold_out.measured.size() == b.hold_out.measured.size()) {
    Deviations off;
    for (std::size_t i = 0; i < a.hold_out.measured.size(); ++i)
      off.add(a.hold_out.measured[i], b.hold_out.measured[i],
              [i] { return fmt::format("hold-out point {}", i); });
    if (off.differs()) about.add(off.difference("hold-out simulations", unit));
  }
  about.optional_numbers("limit, max", unit, a.limit.max_abs, b.limit.max_abs);
  about.optional_numbers("limit, rms", unit, a.limit.rms_abs, b.limit.rms_abs);
  about.optional_numbers("limit, max percent", "%", a.limit.max_percent, b.limit.max_percent);
  about.optional_numbers("limit, rms percent", "%", a.limit.rms_percent, b.limit.rms_percent);
}

// ---- samples

// What makes a point that point, over the conditions that both benches have.
using PointKey = std::vector<double>;

std::vector<PointKey> keys_of(const lut::SampledBench& bench, const lut::SampledBench& other) {
  std::vector<PointKey> keys(bench.points());
  for (const auto& [name, series] : bench.conditions) {
    if (!other.conditions.contains(name)) continue;
    for (std::size_t i = 0; i < keys.size(); ++i) keys[i].push_back(series.values[i]);
  }
  for (const auto& [name, vector] : bench.vector_conditions) {
    const auto found = other.vector_conditions.find(name);
    if (found == other.vector_conditions.end() || found->second.elements != vector.elements)
      continue;
    for (std::size_t i = 0; i < keys.size(); ++i)
      keys[i].insert(keys[i].end(), &vector.values[i * vector.elements],
                     &vector.values[i * vector.elements] + vector.elements);
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    keys[i].push_back(bench.draw.empty() ? -1 : bench.draw[i]);
    keys[i].push_back(bench.hold_out[i] == 0 ? 0 : 1);
  }
  return keys;
}

std::string point_words(const lut::SampledBench& bench, std::size_t point) {
  std::string text = fmt::format("point {}", point);
  for (const lut::Axis& axis : bench.axes) {
    const lut::Series& series = bench.conditions.at(axis.name());
    const double value = series.values[point];
    const auto word = static_cast<std::size_t>(value);
    text += value >= 0 && word < series.words.size()
                ? fmt::format(", {} {}", axis.name(), series.words[word])
                : fmt::format(", {} = {} {}", axis.name(), value, axis.unit());
  }
  return text;
}

using Pairs = std::vector<std::pair<std::size_t, std::size_t>>;

Pairs pairs_of(const lut::SampledBench& a, const lut::SampledBench& b) {
  std::multimap<PointKey, std::size_t> of_b;
  const std::vector<PointKey> keys_b = keys_of(b, a), keys_a = keys_of(a, b);
  for (std::size_t i = 0; i < keys_b.size(); ++i) of_b.emplace(keys_b[i], i);
  Pairs pairs;
  for (std::size_t i = 0; i < keys_a.size(); ++i) {
    const auto found = of_b.find(keys_a[i]);
    if (found == of_b.end()) continue;
    pairs.emplace_back(i, found->second);
    of_b.erase(found);
  }
  return pairs;
}

template <typename Map>
std::vector<std::string> keys_in(const Map& map) {
  std::vector<std::string> names;
  for (const auto& entry : map) names.push_back(entry.first);
  return names;
}

void compare_outcomes(About& about, const lut::SampledBench& a, const lut::SampledBench& b,
                      const Pairs& pairs) {
  std::array<std::size_t, 2> failed_in{};  // in one file alone
  std::array<std::string, 2> first;
  for (const auto& [in_a, in_b] : pairs) {
    if (a.status[in_a] == b.status[in_b]) continue;
    const std::size_t side = a.status[in_a] != 0 ? 0 : 1;
    if (failed_in[side]++ == 0) first[side] = point_words(a, in_a);
  }
  for (std::size_t side = 0; side < 2; ++side) {
    if (failed_in[side] == 0) continue;
    const std::string words = fmt::format("{} failed", failed_in[side]);
    about.add({"",
               "points that failed in one file",
               side == 0 ? words : "ran",
               side == 0 ? "ran" : words,
               "",
               {},
               {},
               {},
               first[side],
               failed_in[side]});
  }
}

void compare_benches(std::vector<Difference>& all, const lut::SampledBench& a,
                     const lut::SampledBench& b) {
  const std::string where = "bench " + a.name;
  About about(all, where);
  compare_texts(about, "description", a.description, b.description);
  const auto itself = [](const std::string& name) { return name; };
  const auto no_more = [](const std::string&, const std::string&) {};
  pair_up(all, (where + ": condition").c_str(), keys_in(a.conditions), keys_in(b.conditions),
          itself, no_more);
  pair_up(all, (where + ": condition").c_str(), keys_in(a.vector_conditions),
          keys_in(b.vector_conditions), itself, no_more);

  const Pairs pairs = pairs_of(a, b);
  if (pairs.size() != a.points() || pairs.size() != b.points())
    about.texts("points",
                fmt::format("{}, {} of them alone", a.points(), a.points() - pairs.size()),
                fmt::format("{}, {} of them alone", b.points(), b.points() - pairs.size()));
  compare_outcomes(about, a, b, pairs);
  pair_up(all, (where + ": measurement").c_str(), keys_in(a.measurements), keys_in(b.measurements),
          itself, [&](const std::string& name, const std::string&) {
            const lut::Series &x = a.measurements.at(name), &y = b.measurements.at(name);
            About measurement(all, where + ": measurement " + name);
            measurement.texts("units", x.quantity.unit, y.quantity.unit);
            if (x.quantity.unit != y.quantity.unit) return;
            Deviations off;
            for (const auto& [in_a, in_b] : pairs) {
              const double u = x.values[in_a], v = y.values[in_b];
              if (std::isfinite(u) && std::isfinite(v))
                off.add(u, v, [&, p = in_a] { return point_words(a, p); });
            }
            if (off.differs()) measurement.add(off.difference("values", x.quantity.unit));
          });
  pair_up(
      all, (where + ": table").c_str(), a.tables, b.tables,
      [](const lut::TableOrder& table) { return table.quantity.name; },
      [&](const lut::TableOrder& x, const lut::TableOrder& y) {
        About table(all, where + ": table " + x.quantity.name);
        table.texts("of", x.of, y.of);
        table.texts("over", fmt::format("{}", fmt::join(x.over, " ")),
                    fmt::format("{}", fmt::join(y.over, " ")));
      });
  compare_constants(all, a.constants, b.constants, where + ": constant");
  compare_provenance(all, a.provenance, b.provenance);
}

}  // namespace

std::vector<Difference> differences(const lut::DeviceFile& a, const lut::DeviceFile& b) {
  std::vector<Difference> all;
  pair_up(
      all, "table", a.tables(), b.tables(),
      [](const lut::TableEntry& entry) { return entry.table.name(); },
      [&](const lut::TableEntry& x, const lut::TableEntry& y) { compare_tables(all, x, y); });
  compare_constants(all, a.constants(), b.constants(), "constant");
  pair_up(
      all, "provenance", a.provenance(), b.provenance(),
      [](const lut::Provenance& provenance) { return provenance.bench; },
      [&](const lut::Provenance& x, const lut::Provenance& y) { compare_provenance(all, x, y); });
  return all;
}

std::vector<Difference> differences(const lut::SamplesFile& a, const lut::SamplesFile& b) {
  std::vector<Difference> all;
  About about(all, "file");
  about.texts("program_version", a.program_version, b.program_version);
  about.texts("ngspice_version", a.ngspice_version, b.ngspice_version);
  pair_up(
      all, "bench", a.benches, b.benches, [](const lut::SampledBench& bench) { return bench.name; },
      [&](const lut::SampledBench& x, const lut::SampledBench& y) { compare_benches(all, x, y); });
  return all;
}

}  // namespace gaincell::cli
