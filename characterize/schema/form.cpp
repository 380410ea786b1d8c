#include "characterize/schema/form.h"

#include <fmt/format.h>

#include <cctype>

#include "base/text.h"

namespace gaincell::characterize {

namespace form {
Form text() { return {.is = Form::Is::kText}; }
Form prose() { return {.is = Form::Is::kProse}; }
Form name() { return {.is = Form::Is::kName}; }
Form integer(long least) { return {.is = Form::Is::kInteger, .least = least}; }
Form quantity(std::string unit) { return {.is = Form::Is::kQuantity, .unit = std::move(unit)}; }
Form own_quantity() { return {.is = Form::Is::kQuantity, .unit_of = Form::UnitOf::kBeside}; }
Form result_quantity() { return {.is = Form::Is::kQuantity, .unit_of = Form::UnitOf::kResult}; }
Form scale_quantity() { return {.is = Form::Is::kQuantity, .unit_of = Form::UnitOf::kScale}; }
Form own_constant() { return {.is = Form::Is::kConstant, .unit_of = Form::UnitOf::kBeside}; }
Form constant(std::string unit) { return {.is = Form::Is::kConstant, .unit = std::move(unit)}; }
Form boolean() { return {.is = Form::Is::kBoolean}; }
Form word(std::vector<std::string> words) {
  return {.is = Form::Is::kWord, .words = std::move(words)};
}
Form list(Form of) { return {.is = Form::Is::kList, .of = {std::move(of)}}; }
Form map(Form of) { return {.is = Form::Is::kMap, .of = {std::move(of)}}; }
Form nets(Form of) { return {.is = Form::Is::kNets, .of = {std::move(of)}}; }
Form block(const Block& block) { return {.is = Form::Is::kBlock, .block = &block}; }
Form either(std::vector<Form> of) { return {.is = Form::Is::kEither, .of = std::move(of)}; }
}  // namespace form

// As renderers of Markdown name a heading.
static std::string heading_anchor(const std::string& title) {
  std::string anchor;
  for (const char c : title) {
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_')
      anchor += lower(c);
    else if (c == ' ')
      anchor += '-';
  }
  return anchor;
}

static std::string describe_number(const Form& form) {
  switch (form.unit_of) {
    case Form::UnitOf::kItself:
      return form.unit.empty() ? "number" : "number in " + form.unit;
    case Form::UnitOf::kBeside:
    case Form::UnitOf::kResult:
      return "number in its own unit";
    case Form::UnitOf::kScale:
      return "number in s, of ac and noise in Hz, of a dc sweep in its own";
  }
  return {};
}

std::string Form::describe() const {
  switch (is) {
    case Is::kText:
    case Is::kProse:
      return "text";
    case Is::kName:
      return "name";
    case Is::kInteger:
      return least > 0 ? fmt::format("whole number, at least {}", least) : "whole number";
    case Is::kQuantity:
    case Is::kConstant: {
      const std::string what = describe_number(*this);
      return is == Is::kQuantity ? what + " or `{expression}`" : what;
    }
    case Is::kBoolean:
      return "true or false";
    case Is::kWord:
      return fmt::format("`{}`", fmt::join(words, "`, `"));
    case Is::kList:
      return "list of " + of[0].describe();
    case Is::kMap:
      return "mapping of names to " + of[0].describe();
    case Is::kNets:
      return "mapping of nets to " + of[0].describe();
    case Is::kBlock:
      return fmt::format("[{}](#{})", block->title, heading_anchor(block->title));
    case Is::kEither: {
      std::vector<std::string> all;
      for (const Form& form : of) all.push_back(form.describe());
      return fmt::format("{}", fmt::join(all, ", or "));
    }
  }
  return {};
}

}  // namespace gaincell::characterize
