#include "characterize/circuit/netlist_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "base/text.h"

namespace gaincell::characterize {
namespace {

constexpr int kMaxBracketDepth = 200;

bool blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\f'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

bool comment_line(std::string_view line) {
  return std::string_view("*#$;").find(line.front()) != std::string_view::npos;
}

// As the simulator has it, quotes or not: `;` and `//` everywhere, `$` behind a blank or comma.
std::string_view without_comment(std::string_view line, const Dialect& dialect) {
  for (std::size_t k = 0; k < line.size(); ++k) {
    const char c = line[k];
    if (c == ';') return line.substr(0, k);
    if (c == '/' && k + 1 < line.size() && line[k + 1] == '/') return line.substr(0, k);
    if (c == '$' && !dialect.pspice && (k == 0 || blank(line[k - 1]) || line[k - 1] == ','))
      return line.substr(0, k);
  }
  return line;
}

void check_characters(std::string_view raw, const std::string& file, std::size_t number) {
  for (std::size_t k = 0; k < raw.size(); ++k) {
    if (static_cast<unsigned char>(raw[k]) < ' ' && !blank(raw[k]))
      throw Error({.place = fmt::format("{}:{}", file, number),
                   .rule = "holds a control character",
                   .remedy = "a netlist is plain text"});
    // The simulator reads on: what stands behind it would be part of this line.
    if (raw[k] == '\r' && k + 1 < raw.size())
      throw Error({.place = fmt::format("{}:{}", file, number),
                   .rule = "a line ends in a carriage return alone",
                   .remedy = "save the file with line feeds"});
  }
}

// The simulator reads the micro sign as `u` and drops the Greek letter, which looks the same.
void check_greek_mu(std::string_view line, const std::string& file, std::size_t number) {
  for (std::size_t at = line.find("\xce\xbc"); at != std::string_view::npos;
       at = line.find("\xce\xbc", at + 1)) {
    if (at > 0 && (std::isdigit(static_cast<unsigned char>(line[at - 1])) || line[at - 1] == '.'))
      throw Error({.place = fmt::format("{}:{}", file, number),
                   .rule = "a Greek mu behind a number means nothing to the simulator",
                   .remedy = "write `u` for 1e-6"});
  }
}

}  // namespace

Dialect dialect_of(std::string_view behaviour) {
  const auto has = [&](std::string_view part) {
    return behaviour.find(part) != std::string_view::npos;
  };
  Dialect dialect;
  dialect.pspice = has("ps");
  dialect.ltspice = has("lt");
  dialect.hspice = has("hs") && !dialect.pspice;
  return dialect;
}

std::string unquoted(std::string text) {
  if (text.size() < 2) return text;
  const bool pair = (text.front() == '{' && text.back() == '}') ||
                    ((text.front() == '"' || text.front() == '\'') && text.back() == text.front());
  return pair ? text.substr(1, text.size() - 2) : text;
}

std::vector<CircuitLine> logical_lines(std::string_view text, const std::string& file,
                                       const Dialect& dialect) {
  std::vector<CircuitLine> lines;
  std::size_t number = 0;
  bool continued = false;  // the line before ends in two backslashes
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view raw = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    check_characters(raw, file, number);
    std::string_view line = trimmed(raw);
    if (line.empty()) continue;
    const bool follows = continued;
    continued = line.ends_with("\\\\") && line.front() != '*' && line.front() != '$';
    if (continued) line.remove_suffix(2);
    if (!follows && comment_line(line)) continue;
    line = trimmed(without_comment(line, dialect));
    if (line.empty()) continue;
    check_greek_mu(line, file, number);
    if (!follows && line.front() != '+') {
      lines.push_back({std::string(line), fmt::format("{}:{}", file, number)});
      continue;
    }
    if (!follows) line.remove_prefix(1);
    if (lines.empty())
      throw Error({.place = fmt::format("{}:{}", file, number),
                   .rule = "continues a line, but none stands before it"});
    lines.back().text += ' ';
    lines.back().text += trimmed(line);
  }
  return lines;
}

void check_shape(const CircuitLine& line) {
  const auto refuse = [&](std::string rule) {
    throw Error({.place = line.place,
                 .value = line.text.substr(0, 60) + " ...",
                 .rule = std::move(rule),
                 .remedy = "split it"});
  };
  if (line.text.size() > kMaxLine) refuse("the line is longer than 100,000 characters");
  // The simulator would take the next line for a part of this one.
  if (line.text.ends_with("\\\\"))
    throw Error({.place = line.place,
                 .value = line.text.substr(0, 120),
                 .rule = "ends in two backslashes, but no line is continued here",
                 .remedy = "take them out"});
  int depth = 0;
  for (const char c : line.text) {
    if (c == '(' || c == '{' || c == '[') ++depth;
    if (c == ')' || c == '}' || c == ']') --depth;
    if (depth > kMaxBracketDepth) refuse("brackets nest more than 200 deep");
  }
}

std::vector<std::string> circuit_words(std::string_view line) {
  std::string text = lower(line);
  // Blanks around '=' go, so that a parameter is one word.
  std::string packed;
  packed.reserve(text.size());
  int depth = 0;
  char quote = 0;
  const auto eat_blanks_behind = [&packed] {
    while (!packed.empty() && blank(packed.back())) packed.pop_back();
  };
  for (std::size_t k = 0; k < text.size(); ++k) {
    const char c = text[k];
    if (quote != 0) {
      packed += c;
      if (c == quote) quote = 0;
      continue;
    }
    if (c == '\'' || c == '"') quote = c;
    if (c == '{') ++depth;
    if (c == '}') --depth;
    if (c == '=' && depth == 0) {
      eat_blanks_behind();
      packed += c;
      while (k + 1 < text.size() && blank(text[k + 1])) ++k;
      continue;
    }
    packed += c;
  }
  std::vector<std::string> words;
  std::string word;
  depth = 0;
  quote = 0;
  for (const char c : packed) {
    if (quote != 0) {
      word += c;
      if (c == quote) quote = 0;
      continue;
    }
    if (c == '\'' || c == '"') quote = c;
    if (c == '{') ++depth;
    if (c == '}') --depth;
    if (depth == 0 && (blank(c) || c == ',')) {
      if (!word.empty()) words.push_back(std::move(word));
      word.clear();
      continue;
    }
    word += c;
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

std::size_t first_parameter(const std::vector<std::string>& words) {
  std::size_t k = 1;
  while (k < words.size() && words[k].find('=') == std::string::npos) ++k;
  return std::min(k, words.size());
}

std::string parameter(const std::vector<std::string>& words, std::string_view name) {
  for (const std::string& word : words) {
    if (word.size() > name.size() && word[name.size()] == '=' && word.starts_with(name))
      return word.substr(name.size() + 1);
  }
  return {};
}

}  // namespace gaincell::characterize
