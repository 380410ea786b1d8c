#pragma once

#include <yaml-cpp/yaml.h>

#include <string>
#include <string_view>
#include <vector>

#include "characterize/schema/expression.h"

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
  std::string unit{};  // of a quantity; "*" = the unit that stands beside it
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
Form constant(std::string unit);
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

// A mapping with fixed keys.
struct Block {
  std::string title;
  std::string text;  // paragraph above its table on the reference page
  std::vector<Key> keys;
  // A mapping may hold at most one of these keys, exactly one where `choice_required`.
  std::vector<std::string> choice{};
  bool choice_required = false;
};

// A node of a bench with the path that leads to it.
class Item {
 public:
  Item(const YAML::Node& node, std::string file, std::string key)
      : node_(node), file_(std::move(file)), key_(std::move(key)), line_(line_of(node_)) {}

  Where where() const;
  const std::string& key() const { return key_; }
  const YAML::Node& node() const { return node_; }
  bool has(const std::string& name) const { return node_.IsMap() && node_[name]; }
  bool is_scalar() const { return node_.IsScalar(); }
  bool is_list() const { return node_.IsSequence(); }
  bool is_map() const { return node_.IsMap(); }
  Item operator[](const std::string& name) const;
  std::vector<Item> list() const;  // a scalar or mapping counts as a list of one
  std::vector<std::pair<std::string, Item>> map() const;  // in the order of the file
  std::string text() const;
  std::string text(const std::string& name, const std::string& otherwise = {}) const;
  long integer() const;
  bool boolean() const;
  double constant(std::string_view unit) const;
  // Throws Error at this item.
  [[noreturn]] void refuse(std::string rule, std::string remedy = {}) const;

 private:
  static int line_of(const YAML::Node& node) { return node.Mark().line; }
  // The entry of a mapping stands where its key does: a value may begin lines below.
  Item entry(const YAML::Node& name, const YAML::Node& value) const;

  YAML::Node node_;
  std::string file_;
  std::string key_;
  int line_;  // from 0; below 0 where it is not known
};

// Reads a YAML file of at most 4 MB. Throws Error with file:line where it is not YAML, nests too
// deeply or names a key twice.
Item read_yaml(const std::string& path);
Item parse_yaml(const std::string& text, const std::string& path);

// Throws Error at the first key that is unknown, missing or of another form.
void validate(const Item& item, const Form& form);

// The bench file: the root of the table.
const Block& bench_block();

// The reference page in Markdown (docs/bench.md), and the bench that it shows.
std::string bench_reference();
std::string bench_example();

}  // namespace gaincell::characterize
