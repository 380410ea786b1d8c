#include "characterize/bench/columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/suggest.h"
#include "base/units.h"

namespace gaincell::characterize {
namespace {

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// What stands between the cells of this line: ';', ',', tab, or ' ' for any
// blanks.
char separator_of(std::string_view line) {
  for (const char one : {';', ',', '\t'}) {
    if (line.find(one) != std::string_view::npos) return one;
  }
  return ' ';
}

std::vector<std::string> cells_of(std::string_view line, char separator) {
  std::vector<std::string> cells;
  for (std::size_t at = 0; at <= line.size();) {
    const std::size_t end = std::min(line.find(separator, at), line.size());
    std::string_view cell = trimmed(line.substr(at, end - at));
    if (cell.size() > 1 && cell.front() == '"' && cell.back() == '"')
      cell = cell.substr(1, cell.size() - 2);
    if (separator != ' ' || !cell.empty()) cells.emplace_back(cell);
    at = end + 1;
  }
  return cells;
}

bool is_number(const std::string& cell) {
  return !cell.empty() && (std::isdigit(static_cast<unsigned char>(cell[0])) != 0 ||
                           std::string_view("+-.").find(cell[0]) != std::string_view::npos);
}

}  // namespace

Columns read_columns(std::string_view text, const std::string& path, std::size_t most_rows) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  Columns table;
  char separator = 0;
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty() || line[0] == '#' || line[0] == '*') continue;
    if (separator == 0) separator = separator_of(line);
    Columns::Row row{{fmt::format("{}:{}", path, number), ""}, cells_of(line, separator)};
    const bool first = table.rows.empty() && table.names.empty();
    if (first && std::none_of(row.cells.begin(), row.cells.end(), is_number)) {
      table.names = std::move(row.cells);
      continue;
    }
    const std::size_t width =
        table.names.empty() && !first ? table.rows[0].cells.size() : table.names.size();
    if (!first && row.cells.size() != width)
      throw Error({.place = row.where.place,
                   .rule = fmt::format("holds {} cells, and the lines above it {}",
                                       row.cells.size(), width)});
    if (table.rows.size() == most_rows)
      throw Error({.place = row.where.place, .rule = fmt::format("more than {} rows", most_rows)});
    table.rows.push_back(std::move(row));
  }
  if (table.rows.empty()) throw Error({.place = path, .rule = "holds no row of numbers"});
  return table;
}

std::size_t Columns::column(const std::string& wanted, const Where& asked) const {
  const auto named = std::find(names.begin(), names.end(), wanted);
  if (named != names.end()) {
    if (std::find(named + 1, names.end(), wanted) != names.end())
      throw Error({.place = asked.place,
                   .key = asked.key,
                   .value = wanted,
                   .rule = "two columns have this name",
                   .remedy = "name it by its number"});
    return static_cast<std::size_t>(named - names.begin());
  }
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), number);
  const std::size_t width = rows.front().cells.size();
  if (error != std::errc{} || end != wanted.data() + wanted.size() || number < 1 || number > width)
    throw Error(
        {.place = asked.place,
         .key = asked.key,
         .value = wanted,
         .rule = fmt::format("is no column of the file, which has {}", width),
         .remedy = names.empty() ? "give its number, from 1" : suggest_remedy(wanted, names)});
  return number - 1;
}

double number_of(const Columns::Row& row, std::size_t column, const std::string& unit) {
  const std::string& cell = row.cells[column];
  const bool comma = cell.find(',') != std::string::npos;
  if (const auto value = parse_quantity(cell, unit)) return *value;
  throw Error({.place = row.where.place,
               .value = cell,
               .rule = fmt::format("column {} is not a number in {}", column + 1,
                                   unit.empty() ? "no unit" : unit),
               .remedy = comma ? "write a decimal point in place of the comma" : ""});
}

}  // namespace gaincell::characterize
