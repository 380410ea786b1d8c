#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

// Circuit text as the simulator reads it: lines and words, and nothing of what they mean.
namespace gaincell::characterize {

// What the simulator's compatibility mode changes in the reading of a netlist.
struct Dialect {
  bool pspice = false;   // `$` begins no comment; `ako:` models; `.lib` is an include
  bool ltspice = false;  // `.lib` is an include
  bool hspice = false;  // the multiplier of an instance multiplies those inside, else replaces them
};
Dialect dialect_of(std::string_view behaviour);

// One logical line: continuations joined, comments gone.
struct CircuitLine {
  std::string text;
  std::string place;  // file:line where it begins
};

// Longer logical lines are refused: the simulator's time grows with the square of their length.
inline constexpr std::size_t kMaxLine = 100'000;  // characters

// Throws Error for characters and lines that no netlist holds.
std::vector<CircuitLine> logical_lines(std::string_view text, const std::string& file,
                                       const Dialect& dialect = {});

// Throws Error for a line that is too long or whose brackets nest too deep.
void check_shape(const CircuitLine& line);

// Words of an element or card, lower-case; "w = {2 * x}" becomes "w={2 * x}".
std::vector<std::string> circuit_words(std::string_view line);

// Index of the first of the words that is a parameter (`name=value`); their number if none is.
std::size_t first_parameter(const std::vector<std::string>& words);

// The value of `name=value` among the words as it stands there; "" where it is missing.
std::string parameter(const std::vector<std::string>& words, std::string_view name);

// Without the quotes or braces around it.
std::string unquoted(std::string text);

// Calls `take` with everything in the text that may be a name, lower-case: what stands between
// blanks, brackets, quotes and signs of an expression, and the same cut at every other sign.
template <class Take>
void for_each_name(std::string_view text, Take take) {
  constexpr std::string_view kBetween = " \t\r\n\f,='\"(){}[]";
  constexpr std::string_view kInside = "_.#$";
  const auto cut = [&](auto belongs) {
    std::string name;
    for (std::size_t k = 0; k <= text.size(); ++k) {
      const char c = k < text.size() ? text[k] : ' ';
      if (belongs(c)) {
        name += c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
      } else if (!name.empty()) {
        take(name);
        name.clear();
      }
    }
  };
  const auto plain = [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kInside.find(c) != std::string_view::npos;
  };
  const auto word = [&](char c) { return kBetween.find(c) == std::string_view::npos; };
  cut(plain);
  for (const char c : text) {
    if (plain(c) || !word(c)) continue;
    cut(word);
    return;
  }
}

}  // namespace gaincell::characterize
