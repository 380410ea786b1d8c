#include "characterize/expression.h"

#include <fmt/format.h>
#include <muParser.h>

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstring>
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

struct Lookup {
  const Scope& scope;
  std::set<std::string>& names;
};

double* find_variable(const char* name, void* user) {
  const auto* lookup = static_cast<const Lookup*>(user);
  const double* slot = lookup->scope.number(name);
  if (slot == nullptr) throw UnknownName{name};
  lookup->scope.use(name);
  lookup->names.insert(name);
  return const_cast<double*>(slot);  // muParser reads it only: assignment is switched off
}

}  // namespace

const double* Scope::number(const std::string& name) const {
  const auto at = numbers_.find(name);
  return at == numbers_.end() ? nullptr : &at->second;
}

const std::vector<double>* Scope::vector(const std::string& name) const {
  const auto at = vectors_.find(name);
  return at == vectors_.end() ? nullptr : &at->second;
}

std::vector<std::string> Scope::names() const {
  std::vector<std::string> all;
  for (const auto& [name, value] : numbers_) all.push_back(name);
  for (const auto& [name, values] : vectors_) all.push_back(name);
  return all;
}

struct Expression::Compiled {
  struct Element {
    const std::vector<double>* values;
    std::string name;
    Expression index;
    std::unique_ptr<double> slot;
  };
  std::string text;
  Where where;
  const Scope* scope = nullptr;
  std::string plain;  // the text with hidden variables for the elements of vectors
  std::set<std::string> names;
  std::vector<Element> elements;
  mu::Parser parser;
};

// name[index] becomes a hidden variable, filled before each evaluation: muParser knows no vectors.
Expression::Expression(std::string_view text, const Scope& scope, Where where)
    : compiled_(std::make_unique<Compiled>()) {
  Compiled& c = *compiled_;
  c.text = text;
  c.where = std::move(where);
  c.scope = &scope;
  // Each level of nesting costs muParser and this constructor stack.
  constexpr std::size_t kMaxLength = 10'000;
  constexpr int kMaxDepth = 100;
  if (text.size() > kMaxLength)
    refuse(c.where, "", "the expression is longer than 10,000 characters");
  int depth = 0;
  for (const char ch : text) {
    if (ch == '(' || ch == '[') ++depth;
    if (ch == ')' || ch == ']') --depth;
    if (depth > kMaxDepth) refuse(c.where, "", "brackets nest more than 100 deep");
    if (static_cast<unsigned char>(ch) < ' ' || static_cast<unsigned char>(ch) > '~')
      refuse(c.where, "", "an expression holds plain printable characters alone");
  }
  std::string& plain = c.plain;
  for (std::size_t k = 0; k < text.size();) {
    if (!is_name_start(text[k]) || (k > 0 && is_name_char(text[k - 1]))) {
      plain += text[k++];
      continue;
    }
    std::size_t end = k;
    while (end < text.size() && is_name_char(text[end])) ++end;
    const std::string name(text.substr(k, end - k));
    if (end >= text.size() || text[end] != '[') {
      if (scope.vector(name))
        refuse(c.where, text, fmt::format("`{}` is a vector", name),
               fmt::format("take one element: {}[i]", name));
      plain += name;
      k = end;
      continue;
    }
    std::size_t close = end;
    for (int level = 0; close < text.size(); ++close) {
      if (text[close] == '[') ++level;
      if (text[close] == ']' && --level == 0) break;
    }
    if (close == text.size()) refuse(c.where, text, "a [ is not closed");
    const std::vector<double>* values = scope.vector(name);
    if (values == nullptr) {
      const auto known = scope.names();
      refuse(c.where, text, fmt::format("there is no vector `{}`", name),
             suggest_remedy(name, known));
    }
    scope.use(name);
    c.elements.push_back({values, name,
                          Expression(text.substr(end + 1, close - end - 1), scope, c.where),
                          std::make_unique<double>(0)});
    plain += fmt::format("element__{}", c.elements.size() - 1);
    k = close + 1;
  }
  for (std::size_t k = 0; k < plain.size(); ++k) {
    const char before = k > 0 ? plain[k - 1] : ' ';
    const char after = k + 1 < plain.size() ? plain[k + 1] : ' ';
    if (plain[k] == '=' && after != '=' &&
        std::string_view("=<>!").find(before) == std::string::npos)
      refuse(c.where, text, "an expression does not assign");
  }
  try {
    c.parser.ClearConst();
    c.parser.DefineConst("pi", 3.14159265358979323846);
    c.parser.DefineFun("floor", floor_of);
    c.parser.DefineFun("ceil", ceil_of);
    c.parser.EnableBuiltInOprt(true);
    c.parser.AddValIdent(read_number);
    for (std::size_t k = 0; k < c.elements.size(); ++k)
      c.parser.DefineVar(fmt::format("element__{}", k), c.elements[k].slot.get());
    Lookup lookup{scope, c.names};
    c.parser.SetVarFactory(find_variable, &lookup);
    c.parser.SetExpr(plain);
    int results = 0;
    c.parser.Eval(results);
    if (results != 1) refuse(c.where, text, "one expression is wanted, not a list");
  } catch (const UnknownName& unknown) {
    const auto known = scope.names();
    refuse(c.where, text, fmt::format("nothing is named `{}`", unknown.name),
           suggest_remedy(unknown.name, known));
  } catch (const mu::ParserError& error) {
    refuse(c.where, text, fmt::format("is not an expression ({})", error.GetMsg()));
  }
}

Expression::~Expression() = default;
Expression::Expression(Expression&&) noexcept = default;
Expression& Expression::operator=(Expression&&) noexcept = default;

double Expression::unchecked() const {
  const Compiled& c = *compiled_;
  for (const Compiled::Element& element : c.elements) {
    const double index = element.index.value();
    if (index != std::floor(index) || index < 0 ||
        index >= static_cast<double>(element.values->size()))
      refuse(c.where, c.text,
             fmt::format("index {} lies outside `{}`, which has 0 to {}", index, element.name,
                         element.values->size() - 1));
    *element.slot = (*element.values)[static_cast<std::size_t>(index)];
  }
  try {
    return c.parser.Eval();
  } catch (const mu::ParserError& error) {
    refuse(c.where, c.text, fmt::format("cannot be evaluated ({})", error.GetMsg()));
  }
}

const std::set<std::string>& Expression::names() const { return compiled_->names; }

Expression::Bound Expression::bound() const {
  (void)unchecked();  // fills the elements
  Bound bound{compiled_->plain, {}};
  for (const std::string& name : compiled_->names)
    bound.values[name] = *compiled_->scope->number(name);
  for (std::size_t k = 0; k < compiled_->elements.size(); ++k)
    bound.values[fmt::format("element__{}", k)] = *compiled_->elements[k].slot;
  return bound;
}

double Expression::value() const {
  const double result = unchecked();
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

std::string Template::text() const {
  std::string out;
  for (const Piece& piece : pieces_) {
    out += piece.literal;
    for (const Expression& expression : piece.expression) out += format_exact(expression.value());
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
