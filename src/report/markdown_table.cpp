#include "report/markdown_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

namespace gaincell::report {

std::string MarkdownTable::text() const {
  std::vector<std::size_t> width;
  for (const std::string& cell : head_) width.push_back(std::max<std::size_t>(3, cell.size()));
  for (const auto& row : rows_) {
    assert(row.size() == head_.size());
    for (std::size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], row[i].size());
  }
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text = "|";
    for (std::size_t i = 0; i < cells.size(); ++i) {
      text += i == 0 ? fmt::format(" {:<{}} |", cells[i], width[i])
                     : fmt::format(" {:>{}} |", cells[i], width[i]);
    }
    return text + "\n";
  };
  std::string text = line(head_) + "|";
  for (std::size_t i = 0; i < head_.size(); ++i)
    text += i == 0 ? fmt::format(" {:-<{}} |", "", width[i])
                   : fmt::format(" {:-<{}}: |", "", width[i] - 1);
  text += "\n";
  for (const auto& row : rows_) text += line(row);
  return text;
}

}  // namespace gaincell::report
