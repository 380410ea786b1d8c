#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "plot/chart.h"

namespace gaincell::page {

// A cell of a table: what a person reads, and by what it is sorted.
struct Cell {
  std::string html;
  std::optional<double> number{};  // sorted by it, and in full when pointed at
  std::string unit{};
};
Cell words(const std::string& text);
Cell code(const std::string& text);  // a name out of a file
Cell hash(const std::string& text);  // its begin, in full when pointed at
Cell number(double value, const std::string& unit, int digits = 4);
Cell share_percent(double percent);
Cell verdict(bool holds);
Cell none();  // a dash

// A table that a click on a column's head sorts. Rows have as many cells as the head.
class Table {
 public:
  explicit Table(std::vector<std::string> head) : head_(std::move(head)) {}
  void row(std::vector<Cell> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  std::string html() const;

 private:
  std::vector<std::string> head_;
  std::vector<std::vector<Cell>> rows_;
};

std::string paragraph(const std::string& text);
std::string heading(int level, const std::string& text);
std::string list(const std::vector<std::string>& lines);

// Pictures in a row, as many as fit beside each other.
class Gallery {
 public:
  // `prefix`: no other gallery of the page has it.
  explicit Gallery(std::string prefix) : prefix_(std::move(prefix)) {}
  void add(const plot::Chart& chart);
  std::string html() const;

 private:
  std::string prefix_, figures_;
  std::size_t count_ = 0;
};

struct Section {
  std::string id, title, body;
};

// The whole file: it asks no host for anything, and runs no script but its own.
std::string document(const std::string& title, const std::vector<Section>& sections);

}  // namespace gaincell::page
