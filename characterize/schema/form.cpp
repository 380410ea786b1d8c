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
      std::string what = "number";
      if (unit == "*") what = "number in its own unit";
      if (unit == "scale") what = "number in s, of ac and noise in Hz, of a dc sweep in its own";
      if (!unit.empty() && unit != "*" && unit != "scale") what = "number in " + unit;
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
      return fmt::format("[{}](#{})", block->title, [](const std::string& anchor) {
        std::string out;
        for (const char c : anchor) {
          if (std::isalnum(static_cast<unsigned char>(c)))
            out += lower(c);
          else if (c == ' ')
            out += '-';
        }
        return out;
      }(block->title));
    case Is::kEither: {
      std::vector<std::string> all;
      for (const Form& form : of) all.push_back(form.describe());
      return fmt::format("{}", fmt::join(all, ", or "));
    }
  }
  return {};
}

}  // namespace gaincell::characterize
