#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/suggest.h"
#include "characterize/bench/columns.h"
#include "characterize/bench/grammar.h"
#include "characterize/bench/reader.h"

// What a bench takes from tables of numbers: conditions that change together, and waveforms.
namespace gaincell::characterize {
namespace {

constexpr std::size_t kMaxRows = 100'000;
constexpr std::size_t kMaxWavePoints = 10'000;
constexpr std::size_t kMaxDeckPoints = 1'000'000;
constexpr std::uint64_t kMaxBytes = std::uint64_t{16} << 20;

}  // namespace

const Block& rows_file_block() {
  using namespace form;
  static const Block table{"Rows from a file",
                           "Text as for a waveform, with the names of conditions above.",
                           {{"file", text(), kRequired, "path, relative to the bench"}}};
  return table;
}

// A samples file brings the text of the files with it.
std::string BenchReader::input_text(const Item& file) {
  std::string text;
  if (options_.netlists.empty()) {
    refuse_stray_link(file, file.text());
    text = read_file(beside(file.text()));
    if (text.size() > kMaxBytes) file.refuse("is larger than 16 MiB");
  } else {
    const auto known = std::find_if(options_.inputs.begin(), options_.inputs.end(),
                                    [&](const InputFile& one) { return one.name == file.text(); });
    if (known == options_.inputs.end()) file.refuse("is not in this file");
    text = known->text;
  }
  bench_.inputs.push_back({file.text(), text});
  return text;
}

const Block& wave_file_block() {
  using namespace form;
  static const Block table{
      "Waveforms from a file",
      "Text with a column of times and one of values; commas, semicolons, tabs or blanks between, "
      "a "
      "line of names above if any, and at most 10,000 rows. Lines that begin with # or * do not "
      "count.",
      {{"file", text(), kRequired, "path, relative to the bench"},
       {"time", text(), kOptional, "name or number of the column of times; default 1"},
       {"value", text(), kOptional, "that of values; default 2"}}};
  return table;
}

void BenchReader::read_wave_file(const Item& item, const std::string& unit, Source& source) {
  const Columns table = read_columns(input_text(item["file"]), item["file"].text(), kMaxWavePoints);
  const auto column = [&](const char* key, const char* otherwise) {
    const Where where = item.has(key) ? item[key].where() : item["file"].where();
    return table.column(item.text(key, otherwise), where);
  };
  const std::size_t time = column("time", "1");
  const std::size_t value = column("value", "2");
  for (const Columns::Row& row : table.rows) {
    const double t = number_of(row, time, "s");
    const bool rises = source.wave.empty() ? t >= 0 : t > source.wave.back().first;
    if (!rises)
      throw Error({.place = row.where.place,
                   .value = row.cells[time],
                   .rule = "times must rise, from 0 or later"});
    const double level = number_of(row, value, unit);
    if (source.wave.empty() && t > 0) source.wave.emplace_back(0, level);
    source.wave.emplace_back(t, level);
  }
  if (source.count * source.wave.size() > kMaxDeckPoints)
    item.refuse(fmt::format("{} sources of {} rows each are more than 1,000,000 rows in a deck",
                            source.count, table.rows.size()));
}

void BenchReader::read_rows() {
  if (!root_.has("rows")) return;
  const Item item = root_["rows"];
  if (item.is_map()) {
    const Columns table = read_columns(input_text(item["file"]), item["file"].text(), kMaxRows);
    if (table.names.empty())
      item["file"].refuse("has no line of names above its numbers",
                          "its first line names the conditions");
    for (const Columns::Row& row : table.rows) {
      std::vector<std::pair<std::string, std::string>> cells;
      for (std::size_t k = 0; k < table.names.size(); ++k)
        cells.emplace_back(table.names[k], row.cells[k]);
      add_row(cells, row.where);
    }
  } else {
    const auto rows = item.list();
    if (rows.empty() || rows.size() > kMaxRows) item.refuse("must hold 1 to 100,000 rows");
    for (const Item& row : rows) {
      std::vector<std::pair<std::string, std::string>> cells;
      for (const auto& [name, value] : row.map()) cells.emplace_back(name, value.text());
      add_row(cells, row.where());
    }
  }
  row_kept_.assign(row_places_.size(), true);
  std::vector<std::string> known;
  if (root_.has("conditions")) {
    for (const auto& [name, condition] : root_["conditions"].map()) known.push_back(name);
  }
  if (root_.has("corners")) known.push_back("corner");
  for (const auto& [name, cells] : row_cells_) {
    if (std::find(known.begin(), known.end(), name) == known.end())
      item.refuse(fmt::format("`{}` is no condition of this bench", name),
                  suggest_remedy(name, known) + "; it stands under `conditions` with its unit");
  }
}

void BenchReader::add_row(const std::vector<std::pair<std::string, std::string>>& cells,
                          const Where& where) {
  for (const auto& [name, cell] : cells) row_cells_[name].push_back(cell);
  row_places_.push_back(where);
  for (const auto& [name, all] : row_cells_) {
    if (all.size() == row_places_.size()) continue;
    throw Error(
        {.place = where.place,
         .key = where.key,
         .rule = fmt::format("all rows give the same conditions, each once, and `{}` does not "
                             "stand in every row",
                             name)});
  }
}

// All of them lose the rows that a filter on any of them drops.
void BenchReader::drop_rows() {
  if (row_kept_.empty()) return;
  bench_.rows = static_cast<std::size_t>(std::count(row_kept_.begin(), row_kept_.end(), true));
  if (bench_.rows == 0) root_["rows"].refuse("no row passes all filters");
  for (Condition& c : bench_.conditions) {
    if (!c.by_row) continue;
    std::vector<double> kept;
    for (std::size_t k = 0; k < c.values.size(); ++k) {
      if (row_kept_[k]) kept.push_back(c.values[k]);
    }
    c.values = std::move(kept);
  }
}

// The condition's value in each row.
void BenchReader::fill_by_row(Condition& c) const {
  c.by_row = true;
  const auto& cells = row_cells_.at(c.name);
  for (std::size_t k = 0; k < cells.size(); ++k) {
    const Where where{row_places_[k].place, c.name};
    if (c.words.empty()) {
      c.values.push_back(constant(cells[k], c.unit, where));
      continue;
    }
    const auto at = std::find(c.words.begin(), c.words.end(), cells[k]);
    if (at == c.words.end())
      throw Error({.place = where.place,
                   .key = where.key,
                   .value = cells[k],
                   .rule = fmt::format("is no {}", c.name),
                   .remedy = suggest_remedy(cells[k], c.words)});
    c.values.push_back(static_cast<double>(at - c.words.begin()));
  }
}

}  // namespace gaincell::characterize
