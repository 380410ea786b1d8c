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

// The names that expressions know. Slots keep their address: an expression compiled once follows
// later set() calls. Not copyable for that reason.
class Scope {
 public:
  Scope() = default;
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  void set(const std::string& name, double value) { numbers_[name] = value; }
  void set(const std::string& name, std::vector<double> values) {
    vectors_[name] = std::move(values);
  }
  const double* number(const std::string& name) const;
  const std::vector<double>* vector(const std::string& name) const;
  std::vector<std::string> names() const;

  // Whether an expression names it.
  bool used(const std::string& name) const { return used_.contains(name); }
  void use(const std::string& name) const { used_.insert(name); }

 private:
  std::map<std::string, double> numbers_;
  std::map<std::string, std::vector<double>> vectors_;
  mutable std::set<std::string> used_;
};

// Arithmetic over the names of a scope and numbers with SPICE suffixes ("15n", "2*v_dd/1k",
// "level[i]"). Compiled on construction; an unknown name or function is an Error with the nearest
// one. The scope must outlive it.
class Expression {
 public:
  Expression(std::string_view text, const Scope& scope, Where where);
  ~Expression();
  Expression(Expression&&) noexcept;
  Expression& operator=(Expression&&) noexcept;

  // Throws Error where the result is not finite or an index lies outside its vector.
  double value() const;
  // The same without the check for finite numbers: NaN where a name has no value yet.
  double unchecked() const;

  // The names of numbers that it uses.
  const std::set<std::string>& names() const;
  // Its text over plain names, with their present values: another scope that holds them gives the
  // same value.
  struct Bound {
    std::string text;
    std::map<std::string, double> values;
  };
  Bound bound() const;

 private:
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
};

// A line of text in which every {...} is an expression, printed so that it reads back exactly.
class Template {
 public:
  Template(std::string_view text, const Scope& scope, const Where& where);
  std::string text() const;
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
  double value() const { return expression_.empty() ? constant_ : expression_.front().value(); }
  double unchecked() const {
    return expression_.empty() ? constant_ : expression_.front().unchecked();
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
