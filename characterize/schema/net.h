#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "characterize/schema/expression.h"

namespace gaincell::characterize {

// Throws Error unless the text is one word that a deck takes as one net.
void check_net(std::string_view net, const Where& where);

// A net of a bench, in which every {...} is an expression: what becomes of it is checked, since it
// becomes part of a deck's line.
class NetTemplate {
 public:
  NetTemplate(std::string_view text, const Scope& scope, const Where& where);
  std::string name(const Values& values) const;  // lower-case
  bool is_constant() const { return constant_; }
  const Where& where() const { return where_; }

 private:
  Template text_;
  bool constant_;
  Where where_;
};

bool is_ground(std::string_view net);

// The nets whose voltages a vector of parse_signal() needs, ground left out; none of a current or
// a device's parameter.
std::vector<std::string> nets_of_vector(const std::string& vector);

}  // namespace gaincell::characterize
