#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gaincell::liberty {

// A Boolean function as Liberty writes it: `!` or `'` behind a name for not, `&`, `*` or a blank
// for and, `|` or `+` for or, `^` for exclusive or, 0, 1 and brackets. Not binds closest, then ^,
// and, or.
class Function {
 public:
  // Throws std::invalid_argument, whose text is a rule for an Error, where it is none.
  explicit Function(std::string_view text);

  const std::string& text() const { return text_; }
  const std::vector<std::string>& names() const { return names_; }  // in the order of appearance
  // Bit k of `levels` is the level of names()[k].
  bool at(std::uint64_t levels) const;

 private:
  // In the order of evaluation: operands before their operator.
  struct Step {
    enum class Is { kName, kConstant, kNot, kAnd, kOr, kXor } is;
    std::size_t value = 0;  // number of a name, or a constant
  };
  friend class FunctionParser;

  std::string text_;
  std::vector<std::string> names_;
  std::vector<Step> steps_;
};

// How an output follows one of its inputs, the others being free.
enum class Sense { kPositive, kNegative, kBoth, kNone };
Sense sense_of(const Function& function, std::string_view input);
// "positive_unate" ...; nothing for kNone.
std::string_view liberty_word(Sense sense);

}  // namespace gaincell::liberty
