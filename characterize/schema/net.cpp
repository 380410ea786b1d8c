#include "characterize/schema/net.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace gaincell::characterize {

void check_net(std::string_view net, const Where& where) {
  const auto odd = [](unsigned char c) {
    return c <= ' ' || c == 0x7f ||
           std::string_view("(),='\";{}`").find(static_cast<char>(c)) != std::string_view::npos;
  };
  constexpr std::size_t kMaxNet = 1000;
  // A word that begins with $ or holds // is a comment to the simulator.
  if (!net.empty() && net.size() <= kMaxNet && net.front() != '$' &&
      net.find("//") == std::string_view::npos && std::none_of(net.begin(), net.end(), odd) &&
      odd_character(net, false).empty())
    return;
  std::string shown;
  for (const char c : net.substr(0, 120)) {
    const bool plain = c > ' ' && c < 0x7f;
    shown += plain || c == ' ' ? c : '?';
  }
  throw Error({.place = where.place,
               .key = where.key,
               .value = shown,
               .rule = "is not a net",
               .remedy = "a net is one word, of at most 1,000 characters"});
}

NetTemplate::NetTemplate(std::string_view text, const Scope& scope, const Where& where)
    : text_(text, scope, where),
      constant_(text.find('{') == std::string_view::npos),
      where_(where) {
  if (constant_) (void)name(scope);
}

std::string NetTemplate::name(const Values& values) const {
  const std::string net = text_.text(values);
  check_net(net, where_);
  return lower(net);
}

bool is_ground(std::string_view net) { return net == "0" || net == "gnd"; }

std::vector<std::string> nets_of_vector(const std::string& vector) {
  if (vector.starts_with("@") || vector.ends_with("#branch") || vector.ends_with("_spectrum"))
    return {};
  std::vector<std::string> nets;
  const std::size_t bar = vector.find('|');  // the part of a complex one
  for (std::size_t at = bar == std::string::npos ? 0 : bar + 1; at <= vector.size();) {
    const std::size_t comma = std::min(vector.find(',', at), vector.size());
    const std::string net = vector.substr(at, comma - at);
    if (!is_ground(net)) nets.push_back(net);
    at = comma + 1;
  }
  return nets;
}

}  // namespace gaincell::characterize
