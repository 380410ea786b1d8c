#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "characterize/schema/expression.h"

namespace gaincell::characterize {

// A table as programs and instruments write it: one row a line, cells between commas, semicolons,
// tabs or blanks, perhaps a line of names above. Empty lines and those that begin with # or * do
// not count.
struct Columns {
  struct Row {
    Where where;  // file and line
    std::vector<std::string> cells;
  };
  std::vector<std::string> names;  // empty where there is no such line
  std::vector<Row> rows;           // all of one length

  // The column of this name or number ("1" is the first). Throws Error naming `asked`.
  std::size_t column(const std::string& wanted, const Where& asked) const;
};

// Throws Error where rows differ in length, where there is none, or more than `most_rows`.
Columns read_columns(std::string_view text, const std::string& path, std::size_t most_rows);

// A cell as a number in this unit. Throws Error.
double number_of(const Columns::Row& row, std::size_t column, const std::string& unit);

}  // namespace gaincell::characterize
