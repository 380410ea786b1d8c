#include "lut/current_csv.h"

#include <fmt/format.h>
#define CSV_IO_NO_THREAD
#include <libfccp/csv.h>

#include <cmath>
#include <cstdlib>
#include <map>
#include <set>
#include <string_view>

#include "base/error.h"
#include "base/files.h"

namespace gaincell::lut {
namespace {

double number(const std::string& text, const std::string& place, const char* column) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != 0 || !std::isfinite(value))
    throw Error({.place = place,
                 .key = column,
                 .value = text,
                 .rule = "must be a number, in V or A",
                 .remedy = "write plain numbers such as 1.5e-6"});
  return value;
}

}  // namespace

CurrentSurface read_current_csv(const std::filesystem::path& path) {
  std::string text = read_file(path);
  std::map<std::pair<double, double>, double> points;
  std::set<double> stores, inputs;
  try {
    io::CSVReader<3, io::trim_chars<' ', '\t'>, io::no_quote_escape<','>, io::throw_on_overflow,
                  io::single_and_empty_line_comment<'#'>>
        csv(path.string(), text.data(), text.data() + text.size());
    csv.read_header(io::ignore_extra_column, "V_store", "V_in", "I");
    std::string v_store, v_in, current;
    while (csv.read_row(v_store, v_in, current)) {
      const std::string place = fmt::format("{}:{}", path.string(), csv.get_file_line());
      const std::pair<double, double> at{number(v_store, place, "V_store"),
                                         number(v_in, place, "V_in")};
      stores.insert(at.first);
      inputs.insert(at.second);
      if (!points.emplace(at, number(current, place, "I")).second)
        throw Error({.place = place,
                     .key = "V_store, V_in",
                     .value = fmt::format("{}, {}", v_store, v_in),
                     .rule = "this point stands in the table already",
                     .remedy = "keep one row a point"});
    }
  } catch (const io::error::base& error) {
    const std::string_view what = error.what();  // a sentence with its stop
    throw Error({.place = path.string(),
                 .rule = std::string(what.substr(0, what.find_last_not_of('.') + 1)),
                 .remedy = "the first line names the columns V_store, V_in and I, every further "
                           "line has their numbers"});
  }
  for (const double v_store : stores)
    for (const double v_in : inputs)
      if (stores.size() >= 2 && !points.contains({v_store, v_in}))
        throw Error({.place = path.string(),
                     .key = "V_store, V_in",
                     .value = fmt::format("{}, {}", v_store, v_in),
                     .rule = "must be a full grid, and this point is missing",
                     .remedy = "measure every V_store at every V_in"});
  if (stores.size() < 2)
    throw Error({.place = path.string(),
                 .key = "points",
                 .value = std::to_string(points.size()),
                 .rule = "at least 2 stored voltages are needed",
                 .remedy = "measure the current at several V_store"});
  std::vector<double> v_in(inputs.begin(), inputs.end()), values;
  for (const auto& [at, current] : points) values.push_back(current);
  if (v_in.size() == 1) {
    // One curve: a surface that does not depend on V_in over a hair's breadth.
    v_in.push_back(v_in.front() + 1e-9);
    std::vector<double> twice;
    for (const double value : values) twice.insert(twice.end(), 2, value);
    values = std::move(twice);
  }
  Table table({"current", "A", "read current"},
              {Axis("v_store", "V", {stores.begin(), stores.end()}, "stored voltage"),
               Axis("v_in", "V", std::move(v_in), "read voltage")},
              std::move(values));
  return {std::move(table), std::move(text), path.string()};
}

CellCurrent CurrentSurface::at(double v_in) const {
  const Axis& axis = current.axis(1);
  if (axis.locate(v_in).outside)
    throw Error({.place = place,
                 .key = "V_in",
                 .value = fmt::format("{} V", v_in),
                 .rule = fmt::format("the table has {} to {} V", axis.front(), axis.back()),
                 .remedy = "choose --v-in within"});
  CellCurrent cell;
  for (const double v_store : current.axis(0).nodes()) {
    cell.v_store.push_back(v_store);
    cell.current_a.push_back(current.at(v_store, v_in));
  }
  cell.name = "import";
  cell.comment = fmt::format("imported: I(V_store) at V_in = {:g} V of {}", v_in,
                             std::filesystem::path(place).filename().string());
  cell.text = text;
  return cell;
}

}  // namespace gaincell::lut
