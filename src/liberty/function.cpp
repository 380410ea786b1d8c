#include "liberty/function.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <stdexcept>

namespace gaincell::liberty {
namespace {

// Truth tables are walked through whole.
constexpr std::size_t kMostNames = 12;
constexpr int kDeepest = 100;

bool begins_name(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool in_name(char c) { return begins_name(c) || std::isdigit(static_cast<unsigned char>(c)) != 0; }

}  // namespace

class FunctionParser {
 public:
  FunctionParser(std::string_view text, Function& into) : text_(text), into_(into) {}

  void parse() {
    read_or(0);
    if (at_ < text_.size()) fail(fmt::format("`{}` is not expected", text_[at_]));
  }

 private:
  using Is = Function::Step::Is;

  [[noreturn]] static void fail(const std::string& what) {
    throw std::invalid_argument("is no Boolean function: " + what);
  }
  char next() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  void push(Is is, std::size_t value = 0) { into_.steps_.push_back({is, value}); }

  void read_or(int depth) {
    read_and(depth);
    while (next() == '|' || next() == '+') {
      ++at_;
      read_and(depth);
      push(Is::kOr);
    }
  }
  void read_and(int depth) {
    read_xor(depth);
    for (;;) {
      const char c = next();
      const bool sign = c == '&' || c == '*';
      if (!sign && !in_name(c) && c != '(' && c != '!') return;
      if (sign) ++at_;
      read_xor(depth);
      push(Is::kAnd);
    }
  }
  void read_xor(int depth) {
    read_not(depth);
    while (next() == '^') {
      ++at_;
      read_not(depth);
      push(Is::kXor);
    }
  }
  void read_not(int depth) {
    if (depth > kDeepest) fail("it is nested too deeply");
    if (next() == '!') {
      ++at_;
      read_not(depth + 1);
      push(Is::kNot);
      return;
    }
    read_operand(depth);
    while (next() == '\'') {
      ++at_;
      push(Is::kNot);
    }
  }
  void read_operand(int depth) {
    const char c = next();
    if (c == '(') {
      ++at_;
      read_or(depth + 1);
      if (next() != ')') fail("a bracket is not closed");
      ++at_;
    } else if (c == '0' || c == '1') {
      ++at_;
      push(Is::kConstant, c == '1' ? 1 : 0);
    } else if (begins_name(c)) {
      const std::size_t begin = at_;
      while (at_ < text_.size() && in_name(text_[at_])) ++at_;
      push(Is::kName, number(std::string(text_.substr(begin, at_ - begin))));
    } else {
      fail(c == '\0' ? std::string("it ends where a pin is expected")
                     : fmt::format("`{}` where a pin is expected", c));
    }
  }
  std::size_t number(const std::string& name) {
    auto& names = into_.names_;
    const auto known = std::find(names.begin(), names.end(), name);
    if (known != names.end()) return static_cast<std::size_t>(known - names.begin());
    if (names.size() == kMostNames) fail(fmt::format("it has more than {} pins", kMostNames));
    names.push_back(name);
    return names.size() - 1;
  }

  std::string_view text_;
  Function& into_;
  std::size_t at_ = 0;
};

Function::Function(std::string_view text) : text_(text) { FunctionParser(text, *this).parse(); }

bool Function::at(std::uint64_t levels) const {
  std::vector<bool> stack;
  for (const Step& step : steps_) {
    switch (step.is) {
      case Step::Is::kName:
        stack.push_back((levels >> step.value & 1) != 0);
        break;
      case Step::Is::kConstant:
        stack.push_back(step.value != 0);
        break;
      case Step::Is::kNot:
        stack.back() = !stack.back();
        break;
      default: {
        const bool right = stack.back();
        stack.pop_back();
        const bool left = stack.back();
        stack.back() = step.is == Step::Is::kAnd  ? left && right
                       : step.is == Step::Is::kOr ? left || right
                                                  : left != right;
      }
    }
  }
  return stack.back();
}

Sense sense_of(const Function& function, std::string_view input) {
  const auto& names = function.names();
  const auto found = std::find(names.begin(), names.end(), input);
  if (found == names.end()) return Sense::kNone;
  const std::uint64_t bit = std::uint64_t{1} << (found - names.begin());
  bool rises = false, falls = false;
  for (std::uint64_t levels = 0; levels < std::uint64_t{1} << names.size(); ++levels) {
    if ((levels & bit) != 0) continue;
    const bool low = function.at(levels), high = function.at(levels | bit);
    rises = rises || (high && !low);
    falls = falls || (low && !high);
  }
  if (rises && falls) return Sense::kBoth;
  if (rises) return Sense::kPositive;
  return falls ? Sense::kNegative : Sense::kNone;
}

std::string_view liberty_word(Sense sense) {
  switch (sense) {
    case Sense::kPositive:
      return "positive_unate";
    case Sense::kNegative:
      return "negative_unate";
    case Sense::kBoth:
      return "non_unate";
    case Sense::kNone:
      break;
  }
  return "";
}

}  // namespace gaincell::liberty
