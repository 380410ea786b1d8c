#include <fmt/format.h>

#include "base/files.h"
#include "base/units.h"
#include "export/formats.h"

namespace gaincell::exports {
namespace {

// The rule of lut/table.h as a reader of the header needs it: no header but the standard library's,
// no allocation.
constexpr const char* kEvaluator = R"(#pragma once

#include <cstddef>

namespace @ {

// A table over some axes. table(x0, x1, ...) is its value, table.slope(axis, x0, x1, ...) its
// derivative along one axis; both are constant expressions, and threads may share them. Outside the
// axes the value is that of the nearest end and the slope 0; inside() tells.
template <std::size_t Axes>
struct Table {
  const char* name;
  const char* unit;
  const char* axis_name[Axes];
  const char* axis_unit[Axes];
  std::size_t nodes[Axes];
  const double* node[Axes];
  bool cubic[Axes];
  // Per node, last axis fastest: the value and its derivatives along every subset of the cubic axes.
  const double* coefficient;
  // Difference from simulations that the table has not seen, in its unit; below 0: not measured.
  double error_max, error_rms;

  template <typename... X>
  constexpr double operator()(X... x) const {
    static_assert(sizeof...(X) == Axes, "one coordinate for each axis");
    const double at[Axes] = {static_cast<double>(x)...};
    return sum(at, Axes);
  }
  template <typename... X>
  constexpr double slope(std::size_t axis, X... x) const {
    static_assert(sizeof...(X) == Axes, "one coordinate for each axis");
    const double at[Axes] = {static_cast<double>(x)...};
    return sum(at, axis);
  }
  template <typename... X>
  constexpr bool inside(X... x) const {
    static_assert(sizeof...(X) == Axes, "one coordinate for each axis");
    const double at[Axes] = {static_cast<double>(x)...};
    for (std::size_t a = 0; a < Axes; ++a)
      if (!(at[a] >= node[a][0] && at[a] <= node[a][nodes[a] - 1])) return false;
    return true;
  }

 private:
  // Cubic Hermite, or straight, between the two nodes next to x: shares of the lower and the upper
  // one, of their values and of their slopes.
  struct Share {
    std::size_t index = 0;
    double value[2] = {0, 0}, slope[2] = {0, 0};
  };

  constexpr Share share(std::size_t a, double x, bool derivative) const {
    const double* n = node[a];
    const std::size_t last = nodes[a] - 1;
    const bool outside = x < n[0] || x > n[last];
    std::size_t low = 0, high = last;
    while (high - low > 1) {
      const std::size_t middle = (low + high) / 2;
      if (x < n[middle]) high = middle; else low = middle;
    }
    const double h = n[low + 1] - n[low];
    double t = (x - n[low]) / h;
    if (x < n[0]) t = 0;
    if (x > n[last]) t = 1;
    const double s = 1 - t;
    Share result;
    result.index = low;
    if (derivative && outside) return result;
    if (!cubic[a]) {
      result.value[0] = derivative ? -1 / h : s;
      result.value[1] = derivative ? 1 / h : t;
    } else if (derivative) {
      result.value[0] = -6 * t * s / h;
      result.value[1] = 6 * t * s / h;
      result.slope[0] = s * (s - 2 * t);
      result.slope[1] = t * (t - 2 * s);
    } else {
      result.value[0] = (1 + 2 * t) * s * s;
      result.value[1] = t * t * (3 - 2 * t);
      result.slope[0] = t * s * s * h;
      result.slope[1] = -t * t * s * h;
    }
    return result;
  }

  // The derivative along `axis`; the value where there is no such axis.
  constexpr double sum(const double* x, std::size_t axis) const {
    Share shares[Axes] = {};
    std::size_t per_node = 1;
    for (std::size_t a = 0; a < Axes; ++a) {
      shares[a] = share(a, x[a], a == axis);
      if (cubic[a]) per_node *= 2;
    }
    double result = 0;
    for (std::size_t corner = 0; corner < (std::size_t{1} << Axes); ++corner) {
      std::size_t place = 0;
      for (std::size_t a = 0; a < Axes; ++a)
        place = place * nodes[a] + shares[a].index + (corner >> a & 1);
      for (std::size_t subset = 0; subset < per_node; ++subset) {
        double weight = 1;
        std::size_t bit = 0;
        for (std::size_t a = 0; a < Axes; ++a) {
          const std::size_t side = corner >> a & 1;
          const bool of_slope = cubic[a] && (subset >> bit++ & 1) != 0;
          weight *= of_slope ? shares[a].slope[side] : shares[a].value[side];
        }
        result += weight * coefficient[place * per_node + subset];
      }
    }
    return result;
  }
};
)";

std::string numbers_text(std::span<const double> values) {
  std::string text, line;
  for (const double value : values) {
    std::string number = format_exact(value) + ",";
    if (line.size() + number.size() > 99) {
      text += line + "\n";
      line.clear();
    }
    line += number;
  }
  return text + line;
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c == '\n' ? ' ' : c;
  }
  return result + '"';
}

// f(axis) for all axes, with commas.
template <typename F>
std::string each_axis(const lut::Table& table, F f) {
  std::string text;
  for (std::size_t a = 0; a < table.dimensions(); ++a) text += (a == 0 ? "" : ", ") + f(a);
  return text;
}

std::string table_text(const lut::TableEntry& entry) {
  const lut::Table& table = entry.table;
  const std::string name = identifier(table.name());
  const auto axis_data = [&](std::size_t a) { return fmt::format("{}_axis_{}", name, a); };
  std::string text = "\nnamespace data {\n";
  for (std::size_t a = 0; a < table.dimensions(); ++a)
    text += fmt::format("inline constexpr double {}[] = {{\n{}}};\n", axis_data(a),
                        numbers_text(table.axis(a).nodes()));
  text += fmt::format("inline constexpr double {}[] = {{\n{}}};\n", name,
                      numbers_text(table.coefficients()));
  text += "}  // namespace data\n";

  std::vector<std::string> about{table.quantity().long_name + ", " + table.quantity().unit};
  for (const lut::Axis& axis : table.axes())
    about.push_back(fmt::format("over {} [{}] {} to {}: {}", axis.name(), axis.unit(), axis.front(),
                                axis.back(), axis.long_name()));
  about.push_back(error_words(entry));
  const bool measured = entry.accuracy.points > 0;
  text += as_comment(about, "// ");
  text += fmt::format(
      "inline constexpr Table<{}> {}{{{}, {},\n    {{{}}}, {{{}}}, {{{}}}, {{{}}}, {{{}}},\n"
      "    data::{}, {}, {}}};\n",
      table.dimensions(), name, quoted(table.name()), quoted(table.quantity().unit),
      each_axis(table, [&](std::size_t a) { return quoted(table.axis(a).name()); }),
      each_axis(table, [&](std::size_t a) { return quoted(table.axis(a).unit()); }),
      each_axis(table, [&](std::size_t a) { return std::to_string(table.axis(a).size()); }),
      each_axis(table, [&](std::size_t a) { return "data::" + axis_data(a); }),
      each_axis(table,
                [&](std::size_t a) -> std::string {
                  return table.interpolation()[a] == lut::Interpolation::kCubic ? "true" : "false";
                }),
      name, measured ? format_exact(entry.accuracy.max_abs) : "-1.0",
      measured ? format_exact(entry.accuracy.rms_abs) : "-1.0");
  return text;
}

}  // namespace

void device_to_cpp(const DeviceContent& content, const std::filesystem::path& out) {
  const std::string name = identifier(out.stem().string());
  std::string text = as_comment(header_lines(content), "// ");
  text += "//\n// C++17. What the file's name is, is its namespace.\n";
  std::string evaluator = kEvaluator;
  evaluator.replace(evaluator.find('@'), 1, name);
  text += evaluator;
  for (const lut::TableEntry& entry : content.device.tables()) text += table_text(entry);
  text += "\n";
  for (const lut::Constant& constant : content.device.constants()) {
    text += as_comment({fmt::format("{}, {}", constant.quantity.long_name, constant.quantity.unit)},
                       "// ");
    text += fmt::format("inline constexpr double {} = {};\n", identifier(constant.quantity.name),
                        format_exact(constant.value));
  }
  write_file(out, text + "\n}  // namespace " + name + "\n");
}

}  // namespace gaincell::exports
