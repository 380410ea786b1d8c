#include "characterize/schema/expression.h"

#include <fmt/format.h>
#include <muParser.h>

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/suggest.h"
#include "base/units.h"

namespace gaincell::characterize {
namespace {

bool is_name_start(char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_'; }
bool is_name_char(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// muParser's hook for numbers: a plain number with an optional SPICE suffix and unit.
int read_number(const mu::char_type* text, int* position, mu::value_type* value) {
  if (!std::isdigit(static_cast<unsigned char>(*text)) && *text != '.') return 0;
  const char* end = text + std::strlen(text);
  double plain = 0;
  const auto [stop, error] = std::from_chars(text, end, plain);
  if (error != std::errc{}) return 0;
  const char* after = stop;
  while (after < end && std::isalpha(static_cast<unsigned char>(*after))) ++after;
  static constexpr std::array<std::string_view, 9> kUnits{"",  "s", "V",  "A",  "F",
                                                          "C", "J", "Hz", "Ohm"};
  const std::string_view whole(text, static_cast<std::size_t>(after - text));
  for (const std::string_view unit : kUnits) {
    const auto read = parse_quantity(whole, unit);
    if (!read) continue;
    *value = *read;
    *position += static_cast<int>(after - text);
    return 1;
  }
  return 0;
}

double floor_of(double x) { return std::floor(x); }
double ceil_of(double x) { return std::ceil(x); }

struct UnknownName {
  std::string name;
};

[[noreturn]] void refuse(const Where& where, std::string_view text, std::string rule,
                         std::string remedy = {}) {
  throw Error({.place = where.place,
               .key = where.key,
               .value = std::string(text),
               .rule = std::move(rule),
               .remedy = std::move(remedy)});
}

}  // namespace

Scope::Scope() : names_(std::make_shared<Names>()) {}

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

template <typename Value>
Value& at_slot(std::vector<Value>& values, std::size_t slot, const Value& none) {
  if (slot >= values.size()) values.resize(slot + 1, none);
  return values[slot];
}

}  // namespace

// Names of a copy are its own from where they differ: the scope that it was made of stays.
Scope::Names& Scope::own_names() {
  if (names_.use_count() > 1) names_ = std::make_shared<Names>(*names_);
  return *names_;
}

void Scope::set(const std::string& name, double value) {
  auto at = names_->numbers.find(name);
  if (at == names_->numbers.end())
    at = own_names().numbers.emplace(name, names_->numbers.size()).first;
  at_slot(numbers_, at->second, kNaN) = value;
}

void Scope::set(const std::string& name, std::vector<double> values) {
  auto at = names_->vectors.find(name);
  if (at == names_->vectors.end())
    at = own_names().vectors.emplace(name, names_->vectors.size()).first;
  at_slot(vectors_, at->second, {}) = std::move(values);
}

void Scope::know_elements() { own_names().elements = true; }

double Scope::number_at(std::size_t slot) const {
  return slot < numbers_.size() ? numbers_[slot] : kNaN;
}

const std::vector<double>& Scope::vector_at(std::size_t slot) const {
  static const std::vector<double> none;
  return slot < vectors_.size() ? vectors_[slot] : none;
}

const double* Scope::number(const std::string& name) const {
  const auto at = names_->numbers.find(name);
  return at == names_->numbers.end() || at->second >= numbers_.size() ? nullptr
                                                                      : &numbers_[at->second];
}

const std::vector<double>* Scope::vector(const std::string& name) const {
  const auto at = names_->vectors.find(name);
  return at == names_->vectors.end() || at->second >= vectors_.size() ? nullptr
                                                                      : &vectors_[at->second];
}

std::vector<std::string> Scope::names() const {
  std::vector<std::string> all;
  for (const auto& [name, slot] : names_->numbers) all.push_back(name);
  for (const auto& [name, slot] : names_->vectors) all.push_back(name);
  if (names_->elements) all.emplace_back(kElementName);
  return all;
}

// Its variables stand here, filled from a scope each time it is worked out.
struct Expression::Compiled {
  struct Number {
    std::string name;
    std::size_t slot = 0;  // of the scope
    bool element = false;  // not the scope's: the number of an element
    std::unique_ptr<double> value;
  };
  struct Element {
    std::size_t slot = 0;  // of the vector
    std::string name;
    Expression index;
    std::unique_ptr<double> value;
  };
  std::string text;
  Where where;
  std::string plain;  // the text with hidden variables for the elements of vectors
  std::set<std::string> names;
  std::vector<Number> numbers;
  std::vector<Element> elements;
  mu::Parser parser;

  void replace_elements(const Scope& scope);
  void parse(const Scope& scope);
  void fill(const Values& values) const;
};

namespace {

// Each level of nesting costs muParser and the constructor stack.
void refuse_unreadable(std::string_view text, const Where& where) {
  constexpr std::size_t kMaxLength = 10'000;
  constexpr int kMaxDepth = 100;
  if (text.size() > kMaxLength)
    refuse(where, "", "the expression is longer than 10,000 characters");
  int depth = 0;
  for (const char ch : text) {
    if (ch == '(' || ch == '[') ++depth;
    if (ch == ')' || ch == ']') --depth;
    if (depth > kMaxDepth) refuse(where, "", "brackets nest more than 100 deep");
    if (static_cast<unsigned char>(ch) < ' ' || static_cast<unsigned char>(ch) > '~')
      refuse(where, "", "an expression holds plain printable characters alone");
  }
}

bool assigns(const std::string& plain) {
  for (std::size_t k = 0; k < plain.size(); ++k) {
    const char before = k > 0 ? plain[k - 1] : ' ';
    const char after = k + 1 < plain.size() ? plain[k + 1] : ' ';
    if (plain[k] == '=' && after != '=' &&
        std::string_view("=<>!").find(before) == std::string::npos)
      return true;
  }
  return false;
}

// Where the bracket at `open` is closed; the text's end where it is not.
std::size_t closing_bracket(std::string_view text, std::size_t open) {
  std::size_t close = open;
  for (int level = 0; close < text.size(); ++close) {
    if (text[close] == '[') ++level;
    if (text[close] == ']' && --level == 0) break;
  }
  return close;
}

}  // namespace

Expression::Expression(std::string_view text, const Scope& scope, Where where)
    : compiled_(std::make_unique<Compiled>()) {
  Compiled& c = *compiled_;
  c.text = text;
  c.where = std::move(where);
  refuse_unreadable(text, c.where);
  c.replace_elements(scope);
  if (assigns(c.plain)) refuse(c.where, text, "an expression does not assign");
  try {
    c.parse(scope);
  } catch (const UnknownName& unknown) {
    const auto known = scope.names();
    refuse(c.where, text, fmt::format("nothing is named `{}`", unknown.name),
           suggest_remedy(unknown.name, known));
  } catch (const mu::ParserError& error) {
    refuse(c.where, text, fmt::format("is not an expression ({})", error.GetMsg()));
  }
}

// name[index] becomes a hidden variable, filled before each evaluation: muParser knows no vectors.
void Expression::Compiled::replace_elements(const Scope& scope) {
  for (std::size_t k = 0; k < text.size();) {
    if (!is_name_start(text[k]) || (k > 0 && is_name_char(text[k - 1]))) {
      plain += text[k++];
      continue;
    }
    std::size_t end = k;
    while (end < text.size() && is_name_char(text[end])) ++end;
    const std::string name = text.substr(k, end - k);
    if (end >= text.size() || text[end] != '[') {
      if (scope.vector(name))
        refuse(where, text, fmt::format("`{}` is a vector", name),
               fmt::format("take one element: {}[i]", name));
      plain += name;
      k = end;
      continue;
    }
    const std::size_t close = closing_bracket(text, end);
    if (close == text.size()) refuse(where, text, "a [ is not closed");
    const auto vector = scope.names_->vectors.find(name);
    if (vector == scope.names_->vectors.end()) {
      const auto known = scope.names();
      refuse(where, text, fmt::format("there is no vector `{}`", name),
             suggest_remedy(name, known));
    }
    scope.names_->used.insert(name);
    elements.push_back({vector->second, name,
                        Expression(text.substr(end + 1, close - end - 1), scope, where),
                        std::make_unique<double>(0)});
    plain += fmt::format("element__{}", elements.size() - 1);
    k = close + 1;
  }
}

// Throws UnknownName and mu::ParserError.
void Expression::Compiled::parse(const Scope& scope) {
  parser.ClearConst();
  parser.DefineConst("pi", 3.14159265358979323846);
  parser.DefineFun("floor", floor_of);
  parser.DefineFun("ceil", ceil_of);
  parser.EnableBuiltInOprt(true);
  parser.AddValIdent(read_number);
  for (std::size_t k = 0; k < elements.size(); ++k)
    parser.DefineVar(fmt::format("element__{}", k), elements[k].value.get());
  struct Lookup {
    const Scope::Names& known;
    Compiled& compiled;
  } lookup{*scope.names_, *this};
  const auto find = [](const char* name, void* user) -> double* {
    const auto& [known, compiled] = *static_cast<const Lookup*>(user);
    Number number{name, 0, known.elements && name == std::string_view(kElementName),
                  std::make_unique<double>(0)};
    const auto slot = known.numbers.find(name);
    if (!number.element && slot == known.numbers.end()) throw UnknownName{name};
    if (!number.element) number.slot = slot->second;
    compiled.numbers.push_back(std::move(number));
    return compiled.numbers.back().value.get();
  };
  parser.SetVarFactory(find, &lookup);
  parser.SetExpr(plain);
  int results = 0;
  parser.Eval(results);
  if (results != 1) refuse(where, text, "one expression is wanted, not a list");
  for (const Number& number : numbers) {
    names.insert(number.name);
    scope.names_->used.insert(number.name);
  }
}

Expression::~Expression() = default;
Expression::Expression(Expression&&) noexcept = default;
Expression& Expression::operator=(Expression&&) noexcept = default;

void Expression::Compiled::fill(const Values& values) const {
  const Scope& scope = values.scope();
  for (const Number& number : numbers)
    *number.value = number.element ? values.element() : scope.number_at(number.slot);
  for (const Element& element : elements) {
    const std::vector<double>& vector = scope.vector_at(element.slot);
    const double index = element.index.value(values);
    if (index != std::floor(index) || index < 0 || index >= static_cast<double>(vector.size()))
      refuse(where, text,
             fmt::format("index {} lies outside `{}`, which has 0 to {}", index, element.name,
                         vector.size() - 1));
    *element.value = vector[static_cast<std::size_t>(index)];
  }
}

double Expression::unchecked(const Values& values) const {
  const Compiled& c = *compiled_;
  c.fill(values);
  try {
    return c.parser.Eval();
  } catch (const mu::ParserError& error) {
    refuse(c.where, c.text, fmt::format("cannot be evaluated ({})", error.GetMsg()));
  }
}

const std::set<std::string>& Expression::names() const { return compiled_->names; }

Expression::Bound Expression::bound(const Values& values) const {
  const Compiled& c = *compiled_;
  c.fill(values);
  Bound bound{c.plain, {}};
  for (const Compiled::Number& number : c.numbers) bound.values[number.name] = *number.value;
  for (std::size_t k = 0; k < c.elements.size(); ++k)
    bound.values[fmt::format("element__{}", k)] = *c.elements[k].value;
  return bound;
}

double Expression::value(const Values& values) const {
  const double result = unchecked(values);
  if (!std::isfinite(result))
    refuse(compiled_->where, compiled_->text, "the result is not a finite number",
           std::isnan(result) ? "a condition that `dc` sweeps inside the simulator, and a result, "
                                "have no value here"
                              : "");
  return result;
}

Template::Template(std::string_view text, const Scope& scope, const Where& where) {
  Piece piece;
  for (std::size_t k = 0; k < text.size();) {
    if (text[k] != '{') {
      if (text[k] == '}') refuse(where, text, "a } without its {");
      piece.literal += text[k++];
      continue;
    }
    const std::size_t close = text.find('}', k);
    if (close == std::string_view::npos) refuse(where, text, "a { is not closed");
    piece.expression.emplace_back(text.substr(k + 1, close - k - 1), scope, where);
    pieces_.push_back(std::move(piece));
    piece = {};
    k = close + 1;
  }
  pieces_.push_back(std::move(piece));
}

std::string Template::text(const Values& values) const {
  std::string out;
  for (const Piece& piece : pieces_) {
    out += piece.literal;
    for (const Expression& expression : piece.expression)
      out += format_exact(expression.value(values));
  }
  return out;
}

std::set<std::string> Template::names() const {
  std::set<std::string> all;
  for (const Piece& piece : pieces_) {
    for (const Expression& expression : piece.expression)
      all.insert(expression.names().begin(), expression.names().end());
  }
  return all;
}

Quantity::Quantity(std::string_view text, std::string_view unit, const Scope& scope, Where where) {
  if (text.find('{') == std::string_view::npos) {
    constant_ = constant(text, unit, where);
    return;
  }
  std::string plain(text);
  for (char& c : plain) {
    if (c == '{') c = '(';
    if (c == '}') c = ')';
  }
  expression_.emplace_back(plain, scope, std::move(where));
}

double constant(std::string_view text, std::string_view unit, const Where& where) {
  if (const auto value = parse_quantity(text, unit)) return *value;
  refuse(where, text,
         unit.empty() ? "is not a plain number" : fmt::format("is not a number in {}", unit),
         "write a number with an optional SPICE suffix (m is milli, meg 1e6) and unit, or an "
         "expression in {}");
}

}  // namespace gaincell::characterize
