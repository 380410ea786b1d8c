#pragma once

#include <string>
#include <vector>

// What may stand in a bench file. One table describes every key: it validates a file and prints the
// reference page, so the two cannot differ.
namespace gaincell::characterize {

struct Block;

// What one value looks like.
struct Form {
  enum class Is {
    kText,      // any scalar of one line
    kProse,     // for people, may have several lines
    kName,      // letters, digits, _; not starting with a digit
    kInteger,   // from `least` on
    kQuantity,  // number with unit, or text with {expressions}
    kConstant,  // number with unit, no expressions
    kBoolean,
    kWord,  // one of `words`
    kList,  // of `of`
    kMap,   // name -> `of`
    kNets,  // the same with nets or ports as keys, which need not be names
    kBlock,
    kEither,  // one of several forms, told apart by being a scalar, a list or a mapping
  };
  Is is = Is::kText;
  // Of a number: its unit, or where that is found.
  enum class UnitOf {
    kItself,  // `unit`; "" = none
    kBeside,  // whatever it belongs to says: a condition, a source, the signal of a measurement
    kResult,  // the result of the measurement
    kScale,   // what the run's results lie along
  };
  UnitOf unit_of = UnitOf::kItself;
  std::string unit{};
  long least = 0;
  std::vector<std::string> words{};
  std::vector<Form> of{};
  const Block* block = nullptr;

  std::string describe() const;  // "number in s", "list of names"
};

namespace form {
Form text();
Form prose();
Form name();
Form integer(long least);
Form quantity(std::string unit);
Form own_quantity();     // UnitOf::kBeside
Form result_quantity();  // and so on
Form scale_quantity();
Form constant(std::string unit);
Form own_constant();
Form boolean();
Form word(std::vector<std::string> words);
Form list(Form of);
Form map(Form of);
Form nets(Form of);
Form block(const Block& block);
Form either(std::vector<Form> of);
}  // namespace form

struct Key {
  std::string name;
  Form form;
  enum class Presence { kOptional, kRequired } presence = Presence::kOptional;
  std::string text;  // for the reference page
};

namespace form {
inline constexpr auto kRequired = Key::Presence::kRequired;
inline constexpr auto kOptional = Key::Presence::kOptional;
}  // namespace form

// A mapping with fixed keys.
struct Block {
  std::string title;
  std::string text;  // paragraph above its table on the reference page
  std::vector<Key> keys;
  // A mapping may hold at most one of these keys, exactly one where `choice_required`.
  std::vector<std::string> choice{};
  bool choice_required = false;
};

}  // namespace gaincell::characterize
