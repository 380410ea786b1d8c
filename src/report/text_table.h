#pragma once

#include <string>
#include <vector>

namespace gaincell::report {

// Rows of cells as aligned text for a terminal. Cells are UTF-8, one column wide a character. A row
// shorter than the header is filled up; a longer one is a bug (assert).
class TextTable {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };

  explicit TextTable(std::vector<Column> columns);
  void row(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  // With the titles on top, every line indented by so many spaces; no trailing blanks.
  std::string text(std::size_t indent = 0) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace gaincell::report
