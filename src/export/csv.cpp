#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/files.h"
#include "base/units.h"
#include "export/folder.h"
#include "export/formats.h"
#include "export/points.h"

namespace gaincell::exports {
namespace {

// Columns of equal length under one name: a file of a folder, or rows of the one file.
struct Sheet {
  struct Column {
    std::string title;  // "v_store [V]"
    std::vector<std::string> cells;
  };
  std::string name;
  std::vector<Column> columns;

  std::size_t rows() const { return columns.empty() ? 0 : columns.front().cells.size(); }
};

// As RFC 4180 wants it; no cell spans lines.
std::string csv_cell(std::string text) {
  for (char& c : text)
    if (c == '\n' || c == '\r') c = ' ';
  if (text.find_first_of(",\"#") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + '"';
}

std::string csv_number(double value) { return std::isfinite(value) ? format_exact(value) : ""; }

std::vector<std::string> csv_numbers(std::span<const double> values) {
  std::vector<std::string> cells;
  cells.reserve(values.size());
  for (const double value : values) cells.push_back(csv_number(value));
  return cells;
}

std::string titled(const std::string& name, const std::string& unit) {
  return fmt::format("{} [{}]", name, unit);
}

std::string text_of(const Sheet& sheet) {
  std::string text;
  for (const Sheet::Column& column : sheet.columns)
    text += (&column == &sheet.columns.front() ? "" : ",") + csv_cell(column.title);
  text += '\n';
  for (std::size_t row = 0; row < sheet.rows(); ++row) {
    for (const Sheet::Column& column : sheet.columns)
      text += (&column == &sheet.columns.front() ? "" : ",") + csv_cell(column.cells[row]);
    text += '\n';
  }
  return text;
}

// One sheet with all columns that any has, empty where a row has none, and the sheets' names in
// front.
Sheet joined(const std::vector<Sheet>& sheets, const std::string& title) {
  Sheet all{"", {{title, {}}}};
  std::size_t rows = 0;
  for (const Sheet& sheet : sheets) {
    all.columns.front().cells.insert(all.columns.front().cells.end(), sheet.rows(), sheet.name);
    for (const Sheet::Column& column : sheet.columns) {
      auto place = std::find_if(all.columns.begin() + 1, all.columns.end(),
                                [&](const auto& one) { return one.title == column.title; });
      if (place == all.columns.end()) place = all.columns.insert(place, {column.title, {}});
      place->cells.resize(rows);
      place->cells.insert(place->cells.end(), column.cells.begin(), column.cells.end());
    }
    rows += sheet.rows();
  }
  for (Sheet::Column& column : all.columns) column.cells.resize(rows);
  return all;
}

// Tables over equal axes lie side by side.
std::vector<Sheet> grids(const lut::DeviceFile& device) {
  std::vector<Sheet> sheets;
  std::vector<const lut::Table*> of;  // the first table of each sheet
  for (const lut::TableEntry& entry : device.tables()) {
    const lut::Table& table = entry.table;
    const auto same = std::find_if(of.begin(), of.end(), [&](const lut::Table* other) {
      return std::equal(table.axes().begin(), table.axes().end(), other->axes().begin(),
                        other->axes().end());
    });
    const auto place = static_cast<std::size_t>(same - of.begin());
    if (place == sheets.size()) {
      sheets.push_back({table.name(), {}});
      of.push_back(&table);
      const std::vector<std::vector<double>> coordinates = grid_points(table.axes());
      for (std::size_t a = 0; a < table.dimensions(); ++a)
        sheets.back().columns.push_back(
            {titled(table.axis(a).name(), table.axis(a).unit()), csv_numbers(coordinates[a])});
    } else {
      sheets[place].name += " " + table.name();
    }
    Sheet& sheet = sheets[place];
    sheet.columns.push_back(
        {titled(table.name(), table.quantity().unit), csv_numbers(table.values())});
  }
  return sheets;
}

Sheet hold_out_sheet(const lut::TableEntry& entry) {
  Sheet sheet{entry.table.name() + ".holdout", {}};
  for (std::size_t a = 0; a < entry.table.dimensions(); ++a)
    sheet.columns.push_back({titled(entry.table.axis(a).name(), entry.table.axis(a).unit()),
                             csv_numbers(entry.hold_out.coordinates[a])});
  const std::string& unit = entry.table.quantity().unit;
  sheet.columns.push_back({titled("measured", unit), csv_numbers(entry.hold_out.measured)});
  sheet.columns.push_back({titled("predicted", unit), csv_numbers(entry.hold_out.predicted)});
  return sheet;
}

Sheet constants_sheet(const lut::DeviceFile& device) {
  Sheet sheet{"constants", {{"constant", {}}, {"value", {}}, {"units", {}}, {"long_name", {}}}};
  for (const lut::Constant& constant : device.constants()) {
    sheet.columns[0].cells.push_back(constant.quantity.name);
    sheet.columns[1].cells.push_back(csv_number(constant.value));
    sheet.columns[2].cells.push_back(constant.quantity.unit);
    sheet.columns[3].cells.push_back(constant.quantity.long_name);
  }
  return sheet;
}

std::vector<std::string> condition_cells(const lut::Series& series) {
  if (series.words.empty()) return csv_numbers(series.values);
  return words_of(series);
}

Sheet bench_sheet(const lut::SampledBench& bench) {
  Sheet sheet{bench.name, {}};
  const auto add = [&](std::string title, std::vector<std::string> cells) {
    sheet.columns.push_back({std::move(title), std::move(cells)});
  };
  std::vector<std::string> point, status, hold_out, draw, aided, failure;
  for (std::size_t i = 0; i < bench.points(); ++i) {
    point.push_back(std::to_string(i));
    status.emplace_back(bench.status[i] == 0 ? "ok" : "failed");
    hold_out.push_back(std::to_string(bench.hold_out[i]));
    const auto why = bench.failures.find(i);
    failure.push_back(why == bench.failures.end() ? "" : why->second);
  }
  add("point", std::move(point));
  add("status", std::move(status));
  add("holdout", std::move(hold_out));
  for (const std::uint32_t one : bench.draw) draw.push_back(std::to_string(one));
  if (!draw.empty()) add("draw", std::move(draw));
  for (const std::uint8_t one : bench.aided) aided.push_back(std::to_string(one));
  if (!aided.empty()) add("aided", std::move(aided));
  for (const auto& [name, series] : bench.conditions)
    add(series.words.empty() ? titled(name, series.quantity.unit) : name, condition_cells(series));
  for (const auto& [name, vector] : bench.vector_conditions)
    for (std::size_t e = 0; e < vector.elements; ++e)
      add(titled(fmt::format("{}[{}]", name, e), vector.quantity.unit),
          csv_numbers(element_of(vector, e)));
  for (const auto& [name, series] : bench.measurements)
    add(titled(name, series.quantity.unit), csv_numbers(series.values));
  add("failure", std::move(failure));
  return sheet;
}

std::vector<std::string> constant_lines(const lut::DeviceFile& device) {
  std::vector<std::string> lines;
  for (const lut::Constant& constant : device.constants())
    lines.push_back(fmt::format("constant {} = {} {}, {}", constant.quantity.name,
                                format_exact(constant.value), constant.quantity.unit,
                                constant.quantity.long_name));
  return lines;
}

bool is_one_file(const std::filesystem::path& out) { return out.extension() == ".csv"; }

}  // namespace

void device_to_csv(const DeviceContent& content, const std::filesystem::path& out) {
  std::vector<Sheet> sheets = grids(content.device);
  std::string head = as_comment(header_lines(content), "# ");
  if (is_one_file(out)) {
    head += as_comment(constant_lines(content.device), "# ");
    write_file(out, head + text_of(joined(sheets, "tables")));
    return;
  }
  std::map<std::string, std::string> files;
  for (const lut::TableEntry& entry : content.device.tables())
    if (!entry.hold_out.measured.empty()) sheets.push_back(hold_out_sheet(entry));
  if (!content.device.constants().empty()) sheets.push_back(constants_sheet(content.device));
  for (const Sheet& sheet : sheets)
    files[sheet.name.substr(0, sheet.name.find(' ')) + ".csv"] = head + text_of(sheet);
  write_folder(out, files);
}

void samples_to_csv(const SamplesContent& content, const std::filesystem::path& out) {
  std::vector<Sheet> sheets;
  for (const lut::SampledBench& bench : content.samples.benches)
    sheets.push_back(bench_sheet(bench));
  const std::string head = as_comment(header_lines(content), "# ");
  if (is_one_file(out)) {
    write_file(out, head + text_of(joined(sheets, "bench")));
    return;
  }
  std::map<std::string, std::string> files;
  for (const Sheet& sheet : sheets) files[sheet.name + ".csv"] = head + text_of(sheet);
  write_folder(out, files);
}

}  // namespace gaincell::exports
