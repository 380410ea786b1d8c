#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gaincell::lut {

// A column that is asked for, in SI.
struct WantedColumn {
  std::string name;  // "V_store"; a header's Vstore or v-store means it as well
  std::string unit;  // "V" or "A"
};

// What a file of numbers cannot say of itself; whatever is empty is found out, or is an Error where
// it could be one thing or another.
struct CsvDialect {
  std::string encoding;   // as decode_text() takes it; Latin-1 where the text is not UTF-8
  std::string separator;  // comma, semicolon, tab or blank
  std::string decimal;    // point or comma
  // Header text (or number from 1 on) of a wanted column, by its name.
  std::map<std::string, std::string> columns;
  // Unit of the wanted columns of an SI unit: {"A", "uA"}; where the header has one it must agree.
  std::map<std::string, std::string> units;
};

struct CsvTable {
  std::vector<std::vector<double>> columns;  // one per wanted column, SI
  std::vector<std::size_t> lines;            // of each row, from 1
  std::vector<bool> unit_known;              // per column: the header or the dialect names its unit
  std::string text;                          // the file's, as UTF-8
  // What was understood, for people: "16 rows, separator semicolon, decimal comma, ...".
  std::string understood;
};

// Reads a table of numbers as instruments and spreadsheets write them: lines of an instrument ahead
// of the header and after the table, quotes, units in the header ("I [uA]", "I (uA)", "I/uA") or in
// the line below it, comments with #, other columns. Throws Error with file, line and what was
// found. Nothing is guessed that changes a number: a value with both `.` and `,`, or commas that
// could part thousands, need `decimal`; a header that does not name the wanted columns needs
// `columns`.
CsvTable read_csv_table(std::string_view bytes, const std::string& place,
                        const std::vector<WantedColumn>& wanted, const CsvDialect& dialect);

}  // namespace gaincell::lut
