#pragma once

#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gaincell::characterize {

// Where in a bench a value stands, for messages: "read.yaml:14", "sources.bl.dc".
struct Where {
  std::string place;
  std::string key;
};

// The names that expressions know, and a value for each. Copies share the names: an expression that
// was compiled over one of them is worked out over any. A name without a value in a copy is NaN.
class Scope {
 public:
  Scope();

  void set(const std::string& name, double value);
  void set(const std::string& name, std::vector<double> values);
  // Null where there is no such name.
  const double* number(const std::string& name) const;
  const std::vector<double>* vector(const std::string& name) const;
  std::vector<std::string> names() const;
  // From here on `i` is the number of an element (Values).
  void know_elements();

  // Whether an expression names it.
  bool used(const std::string& name) const { return names_->used.contains(name); }

 private:
  friend class Expression;
  struct Names {
    std::map<std::string, std::size_t> numbers, vectors;  // name -> slot
    std::set<std::string> used;
    bool elements = false;
  };
  Names& own_names();
  double number_at(std::size_t slot) const;
  const std::vector<double>& vector_at(std::size_t slot) const;

  std::shared_ptr<Names> names_;
  std::vector<double> numbers_;
  std::vector<std::vector<double>> vectors_;
};

// What an expression is worked out over: a scope, and for the element of a count its number, which
// expressions know as `i`. The scope must outlive it.
class Values {
 public:
  Values(const Scope& scope) : scope_(&scope) {}  // NOLINT: a scope is all that most have
  Values(const Scope& scope, std::size_t element)
      : scope_(&scope), element_(static_cast<double>(element)) {}
  const Scope& scope() const { return *scope_; }
  double element() const { return element_; }

 private:
  const Scope* scope_;
  double element_ = 0;
};

inline constexpr const char* kElementName = "i";

// Arithmetic over the names of a scope and numbers with SPICE suffixes ("15n", "2*v_dd/1k",
// "level[i]"). Compiled on construction; an unknown name or function is an Error with the nearest
// one. It holds no values but while it is worked out, by one thread at a time.
class Expression {
 public:
  Expression(std::string_view text, const Scope& scope, Where where);
  ~Expression();
  Expression(Expression&&) noexcept;
  Expression& operator=(Expression&&) noexcept;

  // Throws Error where the result is not finite or an index lies outside its vector.
  double value(const Values& values) const;
  // The same without the check for finite numbers: NaN where a name has no value yet.
  double unchecked(const Values& values) const;

  // The names of numbers that it uses.
  const std::set<std::string>& names() const;
  // Its text over plain names, with their values: another scope that holds them gives the
  // same value.
  struct Bound {
    std::string text;
    std::map<std::string, double> values;
  };
  Bound bound(const Values& values) const;

 private:
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
};

// A line of text in which every {...} is an expression, printed so that it reads back exactly.
class Template {
 public:
  Template(std::string_view text, const Scope& scope, const Where& where);
  std::string text(const Values& values) const;
  // The names of numbers that its expressions use.
  std::set<std::string> names() const;

 private:
  struct Piece {
    std::string literal;
    std::vector<Expression> expression;  // none or one, after the literal
  };
  std::vector<Piece> pieces_;
};

// A number as it stands in a bench: "15n", "0.9 V" (constant), or with {...} an expression, the
// braces being parentheses.
class Quantity {
 public:
  // `unit` is what a constant must have; other units are an Error.
  Quantity(std::string_view text, std::string_view unit, const Scope& scope, Where where);
  double value(const Values& values) const {
    return expression_.empty() ? constant_ : expression_.front().value(values);
  }
  double unchecked(const Values& values) const {
    return expression_.empty() ? constant_ : expression_.front().unchecked(values);
  }
  bool is_constant() const { return expression_.empty(); }
  // Null of a constant.
  const Expression* expression() const {
    return expression_.empty() ? nullptr : &expression_.front();
  }

 private:
  double constant_ = 0;
  std::vector<Expression> expression_;
};

// A constant with its unit; throws Error for anything else.
double constant(std::string_view text, std::string_view unit, const Where& where);

}  // namespace gaincell::characterize
