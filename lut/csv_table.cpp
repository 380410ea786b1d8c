#include "lut/csv_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "base/utf8.h"

namespace gaincell::lut {
namespace {

using Fields = std::vector<std::string>;

struct Separator {
  const char* name;
  char character;  // ' ' stands for any blanks
};
// In the order in which they are tried: a comma may be a decimal sign, a blank may stand in a name.
constexpr std::array<Separator, 4> kSeparators{
    {{"tab", '\t'}, {"semicolon", ';'}, {"comma", ','}, {"blank", ' '}}};
constexpr std::size_t kLongestPreamble = 1000;  // lines in which a header is looked for

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\v' || c == '\f'; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// Lines end in LF, CR LF or CR.
std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end);
    if (text.starts_with("\r\n"))
      text.remove_prefix(2);
    else if (!text.empty())
      text.remove_prefix(1);
  }
  return lines;
}

// Fields of one line, quotes taken off; none where a quote does not close or has something after
// it. A unit in brackets that blanks part from its name joins it again.
std::optional<Fields> split_fields(std::string_view line, char separator) {
  const bool blanks = separator == ' ';
  Fields fields;
  std::size_t at = 0;
  const auto skip_blanks = [&] {
    while (at < line.size() && is_blank(line[at]) && line[at] != separator) ++at;
  };
  if (blanks) line = trim(line);
  while (true) {
    skip_blanks();
    std::string field;
    if (at < line.size() && line[at] == '"') {
      for (++at;; ++at) {
        if (at == line.size()) return std::nullopt;
        if (line[at] == '"') {
          if (at + 1 == line.size() || line[at + 1] != '"') break;
          ++at;
        }
        field += line[at];
      }
      ++at;
      skip_blanks();
      if (at < line.size() && line[at] != separator && !(blanks && is_blank(line[at])))
        return std::nullopt;
      field = trim(field);
    } else {
      const std::size_t begin = at;
      while (at < line.size() && line[at] != separator && !(blanks && is_blank(line[at]))) ++at;
      field = trim(line.substr(begin, at - begin));
    }
    if (blanks && !fields.empty() && (field.starts_with('[') || field.starts_with('(')))
      fields.back() += " " + field;
    else
      fields.push_back(std::move(field));
    if (at >= line.size()) return fields;
    while (blanks && at + 1 < line.size() && is_blank(line[at + 1])) ++at;
    ++at;
  }
}

void drop_empty_tail(Fields& fields, std::size_t down_to) {
  while (fields.size() > down_to && fields.back().empty()) fields.pop_back();
}

// Power of ten by which a unit is multiplied to be `si`; none for another unit.
std::optional<int> exponent_of(std::string_view unit, std::string_view si) {
  const std::vector<std::string_view> whole =
      si == "V" ? std::vector<std::string_view>{"v", "volt", "volts"}
                : std::vector<std::string_view>{"a", "amp", "amps", "ampere", "amperes"};
  constexpr std::array<std::pair<std::string_view, int>, 9> kPrefixes{{{"f", -15},
                                                                       {"p", -12},
                                                                       {"n", -9},
                                                                       {"u", -6},
                                                                       {"\xC2\xB5", -6},
                                                                       {"\xCE\xBC", -6},
                                                                       {"m", -3},
                                                                       {"k", 3},
                                                                       {"", 0}}};
  for (const auto& [prefix, exponent] : kPrefixes)
    if (unit == std::string(prefix) + std::string(si)) return exponent;
  if (std::find(whole.begin(), whole.end(), lower(unit)) != whole.end()) return 0;
  return std::nullopt;
}

// "I [uA]", "I (uA)" and "I/uA" are the name I and the unit uA; "[uA]" is a unit alone.
struct Heading {
  std::string name, unit;
};
Heading heading_of(const std::string& field) {
  for (const auto& [open, close] : {std::pair{'[', ']'}, {'(', ')'}}) {
    const std::size_t begin = field.rfind(open);
    if (begin != std::string::npos && field.ends_with(close))
      return {
          std::string(trim(std::string_view(field).substr(0, begin))),
          std::string(trim(std::string_view(field).substr(begin + 1, field.size() - begin - 2)))};
  }
  if (const std::size_t slash = field.rfind('/'); slash != std::string::npos)
    return {std::string(trim(std::string_view(field).substr(0, slash))),
            std::string(trim(std::string_view(field).substr(slash + 1)))};
  return {field, ""};
}

// "V_store", "Vstore", "v store" and "V-store" are one name.
std::string plain_name(std::string_view name) {
  std::string plain;
  for (const char c : lower(name))
    if (c != '_' && c != '-' && !is_blank(c)) plain += c;
  return plain;
}

constexpr int kMaxExponent = 100'000;  // beyond it, a unit's prefix could not be added safely

// Sign, digits with at most one decimal sign, exponent; nothing else is a number here (strtod would
// take 0x10, inf and nan).
struct NumberText {
  std::string mantissa;  // with a point
  int exponent = 0;
};
std::optional<NumberText> number_text(std::string_view text, char decimal) {
  NumberText number;
  std::size_t at = 0;
  if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
    if (text[at] == '-') number.mantissa = "-";
    ++at;
  }
  int digits = 0, signs = 0;
  for (; at < text.size(); ++at) {
    if (text[at] >= '0' && text[at] <= '9') {
      number.mantissa += text[at];
      ++digits;
    } else if (text[at] == decimal && signs == 0) {
      number.mantissa += '.';
      ++signs;
    } else {
      break;
    }
  }
  if (digits == 0) return std::nullopt;
  if (at == text.size()) return number;
  if (text[at] != 'e' && text[at] != 'E') return std::nullopt;
  ++at;
  if (at < text.size() && text[at] == '+') {
    ++at;
    if (at < text.size() && text[at] == '-') return std::nullopt;
  }
  const auto [end, error] =
      std::from_chars(text.data() + at, text.data() + text.size(), number.exponent);
  if (error != std::errc{} || end != text.data() + text.size() || number.exponent > kMaxExponent ||
      number.exponent < -kMaxExponent)
    return std::nullopt;
  return number;
}

// The double nearest to the number times a power of ten, rounded once.
std::optional<double> number_of(std::string_view field, char decimal, int exponent) {
  const auto number = number_text(field, decimal);
  if (!number) return std::nullopt;
  const std::string text = fmt::format("{}e{}", number->mantissa, number->exponent + exponent);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

bool reads_as_number(std::string_view field) {
  return number_text(field, '.') || number_text(field, ',');
}

// "1,234" or "1,234,567": thousands, or a number with three decimals.
bool could_be_thousands(std::string_view field) {
  if (field.starts_with('-') || field.starts_with('+')) field.remove_prefix(1);
  const std::size_t first = field.find(',');
  if (first == std::string_view::npos || first == 0 || first > 3 || field.front() == '0')
    return false;
  for (std::size_t i = 0; i < field.size(); ++i) {
    const bool due = i >= first && (i - first) % 4 == 0;
    if (due ? field[i] != ',' : field[i] < '0' || field[i] > '9') return false;
  }
  return (field.size() - first) % 4 == 0;
}

class Reader {
 public:
  Reader(std::string_view bytes, const std::string& place, const std::vector<WantedColumn>& wanted,
         const CsvDialect& dialect)
      : place_(place), wanted_(wanted), dialect_(dialect) {
    decode(bytes);
    lines_ = split_lines(table_.text);
    check_words();
  }

  CsvTable read() {
    if (lines_.empty())
      throw Error({.place = place_,
                   .rule = "is empty",
                   .remedy = fmt::format("a header names the columns {}, every further line has "
                                         "their numbers",
                                         wanted_names())});
    if (!find_header(false) && !find_header(true) && !find_numbered()) throw no_header();
    find_units();
    collect_rows();
    find_decimal();
    convert();
    describe();
    return std::move(table_);
  }

 private:
  struct Row {
    std::size_t line;
    Fields fields;  // wanted columns alone
  };

  void decode(std::string_view bytes) {
    CsvDialect& d = dialect_;
    // Numbers are the same in both; a name or unit may have an umlaut or a micro sign.
    const bool marked = bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF");
    if (d.encoding.empty() && !marked && !is_utf8(bytes)) d.encoding = "latin-1";
    DecodedText decoded = decode_text(bytes, place_, d.encoding);
    table_.text = std::move(decoded.text);
    encoding_ = std::move(decoded.encoding);
    if (const std::size_t nul = table_.text.find('\0'); nul != std::string::npos)
      throw Error({.place = text_place(place_, table_.text, nul),
                   .key = "byte",
                   .value = "0x00",
                   .rule = "is no text",
                   .remedy = "export the table as text with separators"});
  }

  void check_words() {
    if (!dialect_.separator.empty() && !separator_named(dialect_.separator))
      throw Error({.key = "--separator",
                   .value = dialect_.separator,
                   .rule = "must be comma, semicolon, tab or blank"});
    if (!dialect_.decimal.empty() && dialect_.decimal != "point" && dialect_.decimal != "comma")
      throw Error(
          {.key = "--decimal", .value = dialect_.decimal, .rule = "must be point or comma"});
    for (const auto& [name, ignored] : dialect_.columns)
      if (std::none_of(wanted_.begin(), wanted_.end(),
                       [&, &of = name](const WantedColumn& w) { return w.name == of; }))
        throw Error({.key = "--columns",
                     .value = name,
                     .rule = fmt::format("is none of {}", wanted_names()),
                     .remedy = fmt::format("give {}", columns_example())});
    for (const auto& [si, unit] : dialect_.units)
      if (!exponent_of(unit, si))
        throw Error(
            {.key = si == "V" ? "--voltage-unit" : "--current-unit",
             .value = unit,
             .rule = fmt::format("must be {0}, or {0} with a prefix f, p, n, u, m or k", si)});
  }

  static const Separator* separator_named(const std::string& name) {
    for (const Separator& s : kSeparators)
      if (name == s.name) return &s;
    return nullptr;
  }
  std::vector<Separator> candidates() const {
    if (const Separator* given = separator_named(dialect_.separator)) return {*given};
    return {kSeparators.begin(), kSeparators.end()};
  }

  std::string wanted_names() const {
    std::string names;
    for (std::size_t i = 0; i < wanted_.size(); ++i)
      names += (i == 0 ? "" : i + 1 == wanted_.size() ? " and " : ", ") + wanted_[i].name;
    return names;
  }
  std::string columns_example() const {
    std::string text = "--columns ";
    for (const WantedColumn& w : wanted_)
      text += fmt::format("{}{}=NAME", &w == wanted_.data() ? "" : ",", w.name);
    return text;
  }

  static bool is_comment(std::string_view line) { return trim(line).starts_with('#'); }
  static std::string_view uncommented(std::string_view line) {
    line = trim(line);
    while (line.starts_with('#')) line.remove_prefix(1);
    return trim(line);
  }

  // Which field of a header a wanted column is; -1 where none is. Throws Error where two are.
  int field_of(const WantedColumn& wanted, const Fields& fields, std::size_t line) const {
    const auto given = dialect_.columns.find(wanted.name);
    int found = -1;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const std::string name = heading_of(fields[i]).name;
      const bool is_it = given == dialect_.columns.end()
                             ? plain_name(name) == plain_name(wanted.name)
                             : fields[i] == given->second || name == given->second;
      if (!is_it) continue;
      if (found >= 0)
        throw Error({.place = fmt::format("{}:{}", place_, line + 1),
                     .key = wanted.name,
                     .value = fmt::format("columns {} and {}", found + 1, i + 1),
                     .rule = "two columns have this name",
                     .remedy = fmt::format("say which, --columns {}={}", wanted.name, found + 1)});
      found = static_cast<int>(i);
    }
    return found;
  }

  // The first line that names all wanted columns, as a comment (numpy writes its header so) or not.
  bool find_header(bool comments) {
    for (std::size_t i = 0; i < std::min(lines_.size(), kLongestPreamble); ++i) {
      if (is_comment(lines_[i]) != comments) continue;
      const std::string_view line = comments ? uncommented(lines_[i]) : lines_[i];
      for (const Separator& separator : candidates()) {
        const auto fields = split_fields(line, separator.character);
        if (!fields || fields->size() < wanted_.size()) continue;
        std::vector<int> at;
        for (const WantedColumn& w : wanted_) at.push_back(field_of(w, *fields, i));
        if (std::count(at.begin(), at.end(), -1) > 0) continue;
        take_header(i, separator, *fields, at);
        return true;
      }
    }
    return false;
  }

  // Columns by number: the first line that has numbers there begins the table, and the line ahead
  // of it is the header where there is one.
  bool find_numbered() {
    std::vector<int> at;
    for (const WantedColumn& w : wanted_) {
      const auto given = dialect_.columns.find(w.name);
      int number = 0;
      if (given == dialect_.columns.end()) return false;
      const char* end = given->second.data() + given->second.size();
      if (std::from_chars(given->second.data(), end, number).ptr != end || number < 1 ||
          number > 10'000)
        return false;
      at.push_back(number - 1);
    }
    for (std::size_t i = 0; i < std::min(lines_.size(), kLongestPreamble); ++i) {
      if (is_comment(lines_[i])) continue;
      for (const Separator& separator : candidates()) {
        const auto fields = split_fields(lines_[i], separator.character);
        if (!fields || !all_numbers(*fields, at)) continue;
        Fields names(fields->size());
        if (i > 0) {
          auto above = split_fields(uncommented(lines_[i - 1]), separator.character);
          if (above && above->size() == names.size()) names = std::move(*above);
        }
        take_header(i > 0 ? i - 1 : 0, separator, std::move(names), at);
        first_row_ = i;
        return true;
      }
    }
    return false;
  }

  static bool all_numbers(const Fields& fields, const std::vector<int>& at) {
    return std::all_of(at.begin(), at.end(), [&](int i) {
      return i < static_cast<int>(fields.size()) &&
             reads_as_number(fields[static_cast<std::size_t>(i)]);
    });
  }

  void take_header(std::size_t line, const Separator& separator, Fields fields,
                   std::vector<int> at) {
    header_line_ = line;
    first_row_ = line + 1;
    separator_ = separator;
    at_ = std::move(at);
    const int last = *std::max_element(at_.begin(), at_.end());
    drop_empty_tail(fields, static_cast<std::size_t>(last) + 1);
    header_ = std::move(fields);
  }

  // No line names the columns: say what stands where a header should, above the first numbers.
  Error no_header() const {
    const std::string names = wanted_names();
    for (std::size_t i = 0; i < std::min(lines_.size(), kLongestPreamble); ++i)
      for (const Separator& separator : candidates()) {
        const auto fields = split_fields(lines_[i], separator.character);
        if (!fields || fields->size() < 2 ||
            !std::all_of(fields->begin(), fields->end(), [](const std::string& field) {
              return field.empty() || reads_as_number(field);
            }))
          continue;
        std::size_t header = i;
        while (header > 0 && trim(lines_[header - 1]).empty()) --header;
        if (header == 0)
          return Error({.place = fmt::format("{}:{}", place_, i + 1),
                        .key = "first line",
                        .value = std::string(lines_[i].substr(0, 80)),
                        .rule = fmt::format("has numbers, and no header names {}", names),
                        .remedy = "add one, or give the columns by number, --columns "
                                  "V_store=1,V_in=2,I=3"});
        std::string_view line = lines_[header - 1];
        if (is_comment(line)) line = uncommented(line);
        Fields found = split_fields(line, separator.character).value_or(Fields{std::string(line)});
        Fields missing;
        for (const WantedColumn& w : wanted_)
          if (field_of(w, found, header - 1) < 0) {
            const auto given = dialect_.columns.find(w.name);
            missing.push_back(given == dialect_.columns.end()
                                  ? w.name
                                  : fmt::format("\"{}\" (for {})", given->second, w.name));
          }
        return Error({.place = fmt::format("{}:{}", place_, header),
                      .key = "header",
                      .value = std::string(line.substr(0, 200)),
                      .rule = fmt::format("{} columns by {}s, and none is named {}", found.size(),
                                          separator.name, fmt::join(missing, " or ")),
                      .remedy = fmt::format("say which is which, {}", columns_example())});
      }
    return Error({.place = place_ + ":1",
                  .value = std::string(lines_.front().substr(0, 80)),
                  .rule = fmt::format("no line of this file names the columns {}, and none has "
                                      "numbers with comma, semicolon, tab or blank between",
                                      names),
                  .remedy = "export the table as text with separators"});
  }

  const std::string& name_at(std::size_t column) const {
    return header_[static_cast<std::size_t>(at_[column])];
  }

  // From the header, from a line of units below it, or from the dialect.
  void find_units() {
    std::vector<std::string> units;
    for (std::size_t c = 0; c < wanted_.size(); ++c) units.push_back(unit_in_header(c));
    if (std::all_of(units.begin(), units.end(), [](const auto& u) { return u.empty(); }))
      units = units_below(std::move(units));
    for (std::size_t c = 0; c < wanted_.size(); ++c) {
      const WantedColumn& w = wanted_[c];
      const auto given = dialect_.units.find(w.unit);
      if (!units[c].empty() && !exponent_of(units[c], w.unit))
        throw Error({.place = fmt::format("{}:{}", place_, header_line_ + 1),
                     .key = w.name,
                     .value = name_at(c),
                     .rule = fmt::format("its unit must be {0}, or {0} with a prefix", w.unit),
                     .remedy = "convert the column"});
      if (!units[c].empty() && given != dialect_.units.end() &&
          exponent_of(units[c], w.unit) != exponent_of(given->second, w.unit))
        throw Error({.place = fmt::format("{}:{}", place_, header_line_ + 1),
                     .key = w.unit == "V" ? "--voltage-unit" : "--current-unit",
                     .value = given->second,
                     .rule = fmt::format("the header says {}", name_at(c)),
                     .remedy = "correct one of them"});
      if (units[c].empty() && given != dialect_.units.end()) units[c] = given->second;
      table_.unit_known.push_back(!units[c].empty());
      exponents_.push_back(units[c].empty() ? 0 : *exponent_of(units[c], w.unit));
      units_.push_back(units[c].empty() ? w.unit : units[c]);
    }
  }

  std::string unit_in_header(std::size_t c) const {
    const std::string& field = name_at(c);
    if (std::string unit = heading_of(field).unit; !unit.empty()) return unit;
    // "I_uA" where it was said that this is the current.
    if (!dialect_.columns.contains(wanted_[c].name)) return {};
    const std::size_t part = field.find_last_of("_ .-");
    if (part == std::string::npos) return {};
    const std::string tail = field.substr(part + 1);
    return exponent_of(tail, wanted_[c].unit) ? tail : "";
  }

  std::vector<std::string> units_below(std::vector<std::string> units) {
    if (first_row_ >= lines_.size() || first_row_ == header_line_) return units;
    const auto fields = split_fields(uncommented(lines_[first_row_]), separator_.character);
    if (!fields || fields->size() != header_.size()) return units;
    std::vector<std::string> below;
    for (std::size_t c = 0; c < wanted_.size(); ++c) {
      const std::string& field = (*fields)[static_cast<std::size_t>(at_[c])];
      const Heading heading = heading_of(field);
      below.push_back(heading.name.empty() ? heading.unit : field);
      if (!exponent_of(below.back(), wanted_[c].unit)) return units;
    }
    ++first_row_;
    return below;
  }

  std::string line_place(std::size_t line) const { return fmt::format("{}:{}", place_, line + 1); }

  void collect_rows() {
    std::size_t last = lines_.size();
    for (; last > first_row_; --last)
      if (!is_footer(last - 1)) break;
    for (std::size_t i = first_row_; i < lines_.size(); ++i) {
      // A file put together of several repeats its header.
      if (is_empty(i) || (first_row_ > header_line_ && lines_[i] == lines_[header_line_])) continue;
      if (i >= last) {
        ++footer_lines_;
        continue;
      }
      auto fields = split_fields(lines_[i], separator_.character);
      if (!fields)
        throw Error({.place = line_place(i),
                     .value = std::string(lines_[i].substr(0, 80)),
                     .rule = "a quote does not close, or something stands after it",
                     .remedy = "mend the line"});
      drop_empty_tail(*fields, header_.size());
      if (fields->size() != header_.size()) throw wrong_count(i, *fields);
      Row row{i, {}};
      for (const int at : at_) row.fields.push_back((*fields)[static_cast<std::size_t>(at)]);
      rows_.push_back(std::move(row));
    }
    if (rows_.empty())
      throw Error({.place = line_place(header_line_),
                   .key = "header",
                   .value = fmt::format("{}", fmt::join(header_, ", ")),
                   .rule = "no line of numbers follows"});
  }

  bool is_empty(std::size_t line) const {
    if (trim(lines_[line]).empty() || is_comment(lines_[line])) return true;
    const auto fields = split_fields(lines_[line], separator_.character);
    return fields && std::all_of(fields->begin(), fields->end(),
                                 [](const auto& field) { return field.empty(); });
  }

  // After the table an instrument may say that it is over. A line with a number where a wanted
  // column stands is never that.
  bool is_footer(std::size_t line) const {
    if (is_empty(line)) return true;
    const auto fields = split_fields(lines_[line], separator_.character);
    if (!fields) return false;
    const std::string first = lower(fields->front());
    if (first.empty() || !std::isalpha(static_cast<unsigned char>(first.front())) ||
        first.starts_with("nan") || first.starts_with("inf"))
      return false;
    return std::none_of(at_.begin(), at_.end(), [&](int i) {
      return i < static_cast<int>(fields->size()) &&
             reads_as_number((*fields)[static_cast<std::size_t>(i)]);
    });
  }

  Error wrong_count(std::size_t line, const Fields& fields) const {
    const bool halves = separator_.character == ',' && fields.size() > header_.size();
    return Error(
        {.place = line_place(line),
         .value = std::string(lines_[line].substr(0, 80)),
         .rule = fmt::format("{} fields by {}s where the header has {}", fields.size(),
                             separator_.name, header_.size()),
         .remedy = halves ? "decimal commas need another separator, or quotes around the numbers"
                          : "mend the line, or say --separator"});
  }

  void find_decimal() {
    const Row *point = nullptr, *comma = nullptr;
    bool all_thousands = true;
    for (const Row& row : rows_)
      for (const std::string& field : row.fields) {
        const bool has_point = field.find('.') != std::string::npos,
                   has_comma = field.find(',') != std::string::npos;
        if (has_point && has_comma)
          throw Error(
              {.place = line_place(row.line),
               .value = field,
               .rule = "has a point and a comma: numbers with thousands parted are not read",
               .remedy = "export the numbers without them"});
        if (has_point && point == nullptr) point = &row;
        if (!has_comma) continue;
        if (comma == nullptr) comma = &row;
        all_thousands = all_thousands && could_be_thousands(field);
      }
    if (comma == nullptr || dialect_.decimal == "point") return;
    if (point != nullptr)
      throw Error(
          {.place = line_place(comma->line),
           .value = fmt::format("{}", fmt::join(comma->fields, "  ")),
           .rule = fmt::format("has a comma in a number, and line {} has a point", point->line + 1),
           .remedy = "write all numbers with one decimal sign"});
    if (all_thousands && dialect_.decimal.empty())
      throw Error({.place = line_place(comma->line),
                   .value = fmt::format("{}", fmt::join(comma->fields, "  ")),
                   .rule = "the comma could be a decimal sign or part thousands",
                   .remedy = "say --decimal comma, or export the numbers without it"});
    decimal_ = ',';
  }

  void convert() {
    if (dialect_.decimal == "comma") decimal_ = ',';
    table_.columns.resize(wanted_.size());
    for (const Row& row : rows_) {
      table_.lines.push_back(row.line + 1);
      for (std::size_t c = 0; c < wanted_.size(); ++c) {
        const auto value = number_of(row.fields[c], decimal_, exponents_[c]);
        if (!value)
          throw Error({.place = line_place(row.line),
                       .key = wanted_[c].name,
                       .value = row.fields[c].empty() ? "(empty)" : row.fields[c],
                       .rule = fmt::format("must be a number, in {}", units_[c]),
                       .remedy = decimal_ == ',' ? "write plain numbers such as 1,5e-6"
                                                 : "write plain numbers such as 1.5e-6"});
        table_.columns[c].push_back(*value);
      }
    }
  }

  void describe() {
    std::string& text = table_.understood;
    text = fmt::format("{} rows, separator {}", rows_.size(), separator_.name);
    if (decimal_ == ',') text += ", decimal comma";
    if (encoding_ != "utf-8") text += ", " + encoding_;
    for (std::size_t c = 0; c < wanted_.size(); ++c) {
      const std::string& name = name_at(c);
      text += fmt::format("{} {}", c == 0 ? ";" : ",", wanted_[c].name);
      if (name != wanted_[c].name)
        text += name.empty() ? fmt::format(" from column {}", at_[c] + 1)
                             : fmt::format(" from \"{}\"", name);
      text += " in " + units_[c];
    }
    Fields others;
    for (std::size_t i = 0; i < header_.size(); ++i)
      if (std::find(at_.begin(), at_.end(), static_cast<int>(i)) == at_.end())
        others.push_back(header_[i].empty() ? fmt::format("column {}", i + 1) : header_[i]);
    if (!others.empty()) text += fmt::format("; left out: {}", fmt::join(others, ", "));
    std::size_t ahead = 0;
    for (std::size_t i = 0; i < header_line_; ++i)
      if (!trim(lines_[i]).empty() && !is_comment(lines_[i])) ++ahead;
    if (ahead > 0) text += fmt::format("; {} lines ahead of the header left out", ahead);
    if (footer_lines_ > 0)
      text += fmt::format("; {} lines after the table left out", footer_lines_);
  }

  std::string place_;
  const std::vector<WantedColumn>& wanted_;
  CsvDialect dialect_;
  CsvTable table_;
  std::string encoding_;
  std::vector<std::string_view> lines_;
  Separator separator_{};
  char decimal_ = '.';
  std::size_t header_line_ = 0, first_row_ = 0, footer_lines_ = 0;
  Fields header_;
  std::vector<int> at_;         // field of each wanted column
  std::vector<int> exponents_;  // of each wanted column's unit
  std::vector<std::string> units_;
  std::vector<Row> rows_;
};

}  // namespace

CsvTable read_csv_table(std::string_view bytes, const std::string& place,
                        const std::vector<WantedColumn>& wanted, const CsvDialect& dialect) {
  return Reader(bytes, place, wanted, dialect).read();
}

}  // namespace gaincell::lut
