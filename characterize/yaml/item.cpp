#include "characterize/yaml/item.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/suggest.h"
#include "base/text.h"
#include "base/utf8.h"
#include "characterize/schema/net.h"

namespace gaincell::characterize {
namespace {

constexpr std::size_t kMaxName = 200;      // characters
constexpr std::size_t kMaxText = 100'000;  // of what is no prose

bool is_name(const std::string& text) {
  if (text.empty() || text.size() > kMaxName || std::isdigit(static_cast<unsigned char>(text[0])))
    return false;
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return c < 128 && (std::isalnum(c) || c == '_'); });
}

std::string child_key(const std::string& parent, const std::string& name) {
  return parent.empty() ? name : parent + "." + name;
}

std::string kind_of(const YAML::Node& node) {
  if (node.IsMap()) return "a mapping";
  if (node.IsSequence()) return "a list";
  if (node.IsScalar()) return "a single value";
  return "nothing";
}

Form::Is shape(Form::Is is) {
  switch (is) {
    case Form::Is::kList:
      return Form::Is::kList;
    case Form::Is::kMap:
    case Form::Is::kNets:
    case Form::Is::kBlock:
      return Form::Is::kMap;
    default:
      return Form::Is::kText;
  }
}

bool has_shape(const YAML::Node& node, Form::Is is) {
  switch (shape(is)) {
    case Form::Is::kList:
      return node.IsSequence();
    case Form::Is::kMap:
      return node.IsMap();
    default:
      return node.IsScalar();
  }
}

constexpr int kMaxDepth = 64;

// The YAML library recurses; depth and size are bounded before it sees the text. Flow brackets and
// the columns of block indentation bound the depth from above.
void bound_depth(const std::string& text, const std::string& path) {
  constexpr std::size_t kMaxBytes = std::size_t{4} << 20;
  if (text.size() > kMaxBytes)
    throw Error(
        {.place = path, .rule = "is larger than 4 MB", .remedy = "a bench is a short text"});
  int flow = 0;
  int line = 1;
  bool at_start = true;
  int indent = 0;
  int dashes = 0;
  std::vector<int> levels;
  for (const char c : text) {
    const auto too_deep = [&] {
      throw Error({.place = fmt::format("{}:{}", path, line),
                   .rule = fmt::format("nests more than {} levels", kMaxDepth)});
    };
    if (c == '\0')
      throw Error({.place = fmt::format("{}:{}", path, line), .rule = "is not a text file"});
    if (c == '[' || c == '{') ++flow;
    if ((c == ']' || c == '}') && flow > 0) --flow;
    if (flow > kMaxDepth) too_deep();
    if (c == '\n') {
      ++line;
      at_start = true;
      indent = 0;
      dashes = 0;
      continue;
    }
    if (!at_start) continue;
    if (c == ' ') {
      ++indent;
    } else if (c == '-' || c == '?' || c == ':') {
      ++indent;
      if (++dashes > kMaxDepth) too_deep();
    } else {
      at_start = false;
      while (!levels.empty() && levels.back() >= indent) levels.pop_back();
      levels.push_back(indent);
      if (levels.size() > kMaxDepth) too_deep();
    }
  }
}

// The way from the root of a file to one of its nodes.
struct Step {
  const YAML::Node& node;
  const Step* parent;
  std::string name;       // of an entry of a mapping
  std::size_t index = 0;  // of an element of a list
};

std::string key_of(const Step& step) {
  if (step.parent == nullptr) return "";
  const std::string above = key_of(*step.parent);
  return step.parent->node.IsSequence() ? fmt::format("{}[{}]", above, step.index)
                                        : child_key(above, step.name);
}

class KeyCheck {
 public:
  explicit KeyCheck(const std::string& path) : path_(path) {}

  // An alias may repeat a node, but not hold itself: that would be a text without end.
  void look(const Step& step, int depth) {
    if (left_-- == 0)
      throw Error({.place = path_, .rule = "has more than 200,000 values", .remedy = "split it"});
    if (step.node.IsScalar()) {
      // Each expression becomes a parser of some kilobytes.
      const std::string& text = step.node.Scalar();
      expressions_ += static_cast<std::size_t>(std::count(text.begin(), text.end(), '{'));
      if (expressions_ > 50'000)
        throw Error(
            {.place = path_, .rule = "has more than 50,000 expressions", .remedy = "split it"});
    }
    if (!step.node.IsMap() && !step.node.IsSequence()) return;
    for (const Step* above = step.parent; above != nullptr; above = above->parent) {
      if (above->node.is(step.node)) refuse(step, "is an alias that leads back to itself");
    }
    if (depth > kMaxDepth) refuse(step, fmt::format("nests more than {} levels", kMaxDepth));
    if (step.node.IsSequence()) {
      std::size_t index = 0;
      for (const YAML::Node& one : step.node) look({one, &step, {}, index++}, depth + 1);
    } else {
      look_at_entries(step, depth);
    }
  }

 private:
  void look_at_entries(const Step& step, int depth) {
    std::set<std::string> seen;
    for (const auto& entry : step.node) {
      if (!entry.first.IsScalar()) refuse(step, "a key must be a plain word");
      const Step below{entry.second, &step, entry.first.Scalar()};
      if (!seen.insert(below.name).second) refuse(below, "stands here twice");
      look(below, depth + 1);
    }
  }
  [[noreturn]] void refuse(const Step& step, const std::string& rule) const {
    Item(step.node, path_, key_of(step)).refuse(rule);
  }

  const std::string& path_;
  std::size_t left_ = 200'000;
  std::size_t expressions_ = 0;
};

void require_utf8(std::string_view text, const std::string& path) {
  int line = 1;
  for (std::size_t k = 0; k < text.size();) {
    if (text[k] == '\n') ++line;
    const auto length = static_cast<std::size_t>(utf8_length(text.substr(k)));
    if (length == 0)
      throw Error({.place = fmt::format("{}:{}", path, line),
                   .rule = "is not UTF-8",
                   .remedy = "save the file as UTF-8"});
    k += length;
  }
}

void refuse_controls(const Item& item, std::string_view text, bool lines) {
  const std::string found = odd_character(text, lines);
  if (found.empty()) return;
  const Where at = item.where();
  throw Error({.place = at.place,
               .key = at.key,
               .rule = "holds " + found,
               .remedy = found == "a line break" ? "write it on one line (a block with `>-`)"
                                                 : "write plain text"});
}

void validate_block(const Item& item, const Block& block) {
  std::vector<std::string> known;
  for (const Key& key : block.keys) known.push_back(key.name);
  std::vector<std::string> chosen;
  for (const auto& [name, value] : item.map()) {
    const auto key = std::find_if(block.keys.begin(), block.keys.end(),
                                  [&name = name](const Key& k) { return k.name == name; });
    if (key == block.keys.end()) {
      const Where where = value.where();
      throw Error({.place = where.place,
                   .key = where.key,
                   .rule = "unknown key",
                   .remedy = suggest_remedy(name, known)});
    }
    validate(value, key->form);
    if (std::find(block.choice.begin(), block.choice.end(), name) != block.choice.end())
      chosen.push_back(name);
  }
  for (const Key& key : block.keys) {
    if (key.presence == Key::Presence::kRequired && !item.has(key.name))
      item.refuse(fmt::format("the key `{}` is missing", key.name), key.text);
  }
  if (chosen.size() > 1)
    item.refuse(fmt::format("`{}` and `{}` exclude each other", chosen[0], chosen[1]));
  if (chosen.empty() && block.choice_required)
    item.refuse(fmt::format("one of {} is missing", fmt::join(block.choice, ", ")));
}

}  // namespace

Where Item::where() const {
  return {line_ < 0 ? file_ : fmt::format("{}:{}", file_, line_ + 1), key_};
}

Item Item::entry(const YAML::Node& name, const YAML::Node& value) const {
  Item item(value, file_, child_key(key_, name.Scalar()));
  item.line_ = line_of(name);
  return item;
}

Item Item::operator[](const std::string& name) const {
  if (node_.IsMap()) {
    for (const auto& one : node_)
      if (one.first.Scalar() == name) return entry(one.first, one.second);
  }
  return Item(node_[name], file_, child_key(key_, name));
}

std::vector<Item> Item::list() const {
  if (!node_.IsSequence()) return {*this};
  std::vector<Item> items;
  for (std::size_t k = 0; k < node_.size(); ++k)
    items.emplace_back(node_[k], file_, fmt::format("{}[{}]", key_, k));
  return items;
}

std::vector<std::pair<std::string, Item>> Item::map() const {
  std::vector<std::pair<std::string, Item>> items;
  if (!node_.IsMap()) return items;
  for (const auto& one : node_)
    items.emplace_back(one.first.Scalar(), entry(one.first, one.second));
  return items;
}

std::string Item::text() const { return node_.IsScalar() ? node_.Scalar() : std::string(); }

std::string Item::text(const std::string& name, const std::string& otherwise) const {
  return has(name) ? (*this)[name].text() : otherwise;
}

long Item::integer() const {
  const std::string value = text();
  long number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc{} || end != value.data() + value.size()) refuse("is not a whole number");
  return number;
}

bool Item::boolean() const {
  const std::string value = text();
  if (value == "true" || value == "yes" || value == "on") return true;
  if (value == "false" || value == "no" || value == "off") return false;
  refuse("is neither true nor false");
}

double Item::constant(std::string_view unit) const {
  return characterize::constant(text(), unit, where());
}

void Item::refuse(std::string rule, std::string remedy) const {
  const Where at = where();
  throw Error({.place = at.place,
               .key = at.key,
               .value = text(),
               .rule = std::move(rule),
               .remedy = std::move(remedy)});
}

Item read_yaml(const std::string& path) { return parse_yaml(read_file(path), path); }

Item parse_yaml(const std::string& text, const std::string& path) {
  bound_depth(text, path);
  require_utf8(text, path);
  YAML::Node node;
  try {
    std::vector<YAML::Node> documents = YAML::LoadAll(text);
    while (documents.size() > 1 && documents.back().IsNull()) documents.pop_back();
    if (documents.size() > 1)
      throw Error({.place = fmt::format("{}:{}", path, documents[1].Mark().line + 1),
                   .rule = "is a second YAML document",
                   .remedy = "a file holds one: split it at the ---"});
    if (!documents.empty()) node = documents.front();
  } catch (const YAML::Exception& error) {
    throw Error({.place = fmt::format("{}:{}", path, error.mark.line + 1),
                 .rule = "is not YAML: " + error.msg,
                 .remedy = "mind indentation, quotes around {...} and spaces after colons"});
  }
  KeyCheck(path).look({node, nullptr, {}}, 0);
  return Item(node, path, "");
}

void validate(const Item& item, const Form& form) {
  if (form.is == Form::Is::kEither) {
    for (const Form& one : form.of) {
      if (has_shape(item.node(), one.is)) return validate(item, one);
    }
    item.refuse(fmt::format("is {}, not {}", kind_of(item.node()), form.describe()));
  }
  if (!has_shape(item.node(), form.is)) {
    // A flow mapping is what `key: {expression}` without quotes reads as.
    const bool quotes = item.is_map() && form.is == Form::Is::kQuantity;
    item.refuse(fmt::format("is {}, not {}", kind_of(item.node()), form.describe()),
                quotes ? "put quotes around it: \"{...}\"" : "");
  }
  if (item.is_scalar()) {
    const bool prose = form.is == Form::Is::kProse;
    refuse_controls(item, item.text(), prose);
    if (!prose && item.text().size() > kMaxText)
      throw Error({.place = item.where().place,
                   .key = item.where().key,
                   .rule = "is longer than 100,000 characters"});
  }
  switch (form.is) {
    case Form::Is::kName:
      if (!is_name(item.text()))
        item.refuse("is not a name",
                    "use letters, digits and _, not starting with a digit, at most 200");
      break;
    case Form::Is::kInteger:
      if (item.integer() < form.least) item.refuse(fmt::format("must be at least {}", form.least));
      break;
    case Form::Is::kQuantity:
      if (item.text().find('{') == std::string::npos && form.unit_of == Form::UnitOf::kItself)
        (void)item.constant(form.unit);
      break;
    case Form::Is::kConstant:
      if (form.unit_of == Form::UnitOf::kItself) (void)item.constant(form.unit);
      break;
    case Form::Is::kBoolean:
      (void)item.boolean();
      break;
    case Form::Is::kWord:
      if (std::find(form.words.begin(), form.words.end(), item.text()) == form.words.end())
        item.refuse("is not known here", suggest_remedy(item.text(), form.words));
      break;
    case Form::Is::kList:
      for (const Item& one : item.list()) validate(one, form.of[0]);
      break;
    case Form::Is::kMap:
      for (const auto& [name, one] : item.map()) {
        if (!is_name(name))
          one.refuse(fmt::format("`{}` is not a name", name),
                     "use letters, digits and _, not starting with a digit, at most 200");
        validate(one, form.of[0]);
      }
      break;
    case Form::Is::kNets:
      for (const auto& [name, one] : item.map()) {
        check_net(name, item.where());
        validate(one, form.of[0]);
      }
      break;
    case Form::Is::kBlock:
      validate_block(item, *form.block);
      break;
    case Form::Is::kText:
    case Form::Is::kProse:
    case Form::Is::kEither:
      break;
  }
}

}  // namespace gaincell::characterize
