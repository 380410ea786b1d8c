#pragma once

#include <string>
#include <vector>

namespace gaincell::report {

// A Markdown table that also reads well as plain text: columns padded, all but the first right-
// aligned. Every row must have as many cells as the head.
class MarkdownTable {
 public:
  explicit MarkdownTable(std::vector<std::string> head) : head_(std::move(head)) {}
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::string text() const;

 private:
  std::vector<std::string> head_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace gaincell::report
