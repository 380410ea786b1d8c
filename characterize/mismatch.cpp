#include "characterize/mismatch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

#include "base/error.h"
#include "base/random.h"
#include "base/units.h"

namespace gaincell::characterize {
namespace {

[[noreturn]] void refuse(const CircuitLine& line, std::string rule, std::string remedy) {
  throw Error({.place = line.place,
               .value = line.text.substr(0, 120),
               .rule = std::move(rule),
               .remedy = std::move(remedy)});
}

// The value of `name=value` among the words, without its braces or quotes.
std::optional<std::string> argument(const std::vector<std::string>& words,
                                    const std::string& name) {
  for (const std::string& word : words) {
    if (!word.starts_with(name + "=")) continue;
    std::string value = word.substr(name.size() + 1);
    if (value.size() >= 2 &&
        (value.front() == '{' || value.front() == '\'' || value.front() == '"'))
      value = value.substr(1, value.size() - 2);
    return value;
  }
  return std::nullopt;
}

// How often an instance counts: a plain number, since its own parameters are not known inside.
double multiplier_of(const CircuitLine& line, const std::vector<std::string>& words) {
  const auto text = argument(words, "m");
  if (!text) return 1;
  const auto value = parse_quantity(*text, "");
  if (!value || !(*value > 0))
    refuse(line, "mismatch needs a multiplier that is a plain number",
           "write m as a number, or take the devices out of `mismatch`");
  return *value;
}

// The last of the words that are no parameters: the subcircuit of an instance.
std::size_t last_plain(const std::vector<std::string>& words) {
  std::size_t k = 1;
  while (k < words.size() && words[k].find('=') == std::string::npos) ++k;
  if (k > 1 && words[k - 1] == "params:") --k;
  return k - 1;
}

}  // namespace

const PelgromRule* MismatchWriter::rule_of(const std::string& name) const {
  const auto at = std::find_if(rules_.begin(), rules_.end(), [&](const PelgromRule& rule) {
    // A binned card nch.3 is of the kind nch.
    return rule.model == name || name.starts_with(rule.model + ".");
  });
  return at == rules_.end() ? nullptr : &*at;
}

std::string MismatchWriter::element(const CircuitLine& line) { return expand(line, "", 1); }

std::string MismatchWriter::expand(const CircuitLine& line, const std::string& path,
                                   double multiplier) {
  std::vector<std::string> words = circuit_words(line.text);
  if (words.empty()) return line.text;
  const std::string here = path.empty() ? words[0] : path + "." + words[0];
  if (words[0][0] == 'x') return instance(line, std::move(words), here, multiplier);
  if (words[0][0] != 'm') return line.text;
  for (std::size_t k = 5; k < words.size() && words[k].find('=') == std::string::npos; ++k) {
    if (const PelgromRule* rule = rule_of(words[k]))
      return drawn(line, words, *rule, here, multiplier);
  }
  return line.text;
}

// The draws are plain numbers; the drawn size may be an expression of the subcircuit's parameters,
// so the root of the area stays for the simulator to work out.
std::string MismatchWriter::drawn(const CircuitLine& line, const std::vector<std::string>& words,
                                  const PelgromRule& rule, const std::string& path,
                                  double multiplier) {
  const auto width = argument(words, rule.width);
  const auto length = argument(words, rule.length);
  if (!width || !length)
    refuse(line,
           fmt::format("mismatch of `{}` needs `{}` and `{}` on this line", rule.model, rule.width,
                       rule.length),
           "write both, or take it out of `mismatch`");
  for (const std::string& name : {rule.shift, rule.gain}) {
    if (!name.empty() && argument(words, name))
      refuse(line, fmt::format("has a `{}` already, which mismatch would set", name),
             "let the library draw (mismatch: {library: true}), or take it out of `mismatch`");
  }
  Random random(seed_, "mismatch " + path, draw_);
  const double vt = random.normal() * rule.a_vt_v_m / std::numbers::sqrt2;
  const double beta = random.normal() * rule.a_beta_m / std::numbers::sqrt2;
  std::string area = fmt::format("({})*({})*{}", *width, *length,
                                 format_exact(multiplier * multiplier_of(line, words)));
  ++devices_;
  std::string text = line.text;
  text += fmt::format(" {}={{{}/sqrt({})}}", rule.shift, format_exact(vt), area);
  if (!rule.gain.empty() && rule.a_beta_m > 0)
    text += fmt::format(" {}={{1+({}/sqrt({}))}}", rule.gain, format_exact(beta), area);
  return text;
}

std::string MismatchWriter::instance(const CircuitLine& line, std::vector<std::string> words,
                                     const std::string& path, double multiplier) {
  const std::size_t at = last_plain(words);
  if (const PelgromRule* rule = rule_of(words[at]))
    return drawn(line, words, *rule, path, multiplier);
  if (!holds_device(words[at])) return line.text;
  const Subcircuit& subcircuit = *library_.subcircuit(words[at]);
  const std::string copy = fmt::format("{}__{}", words[at], ++copies_);
  const double inside = multiplier * multiplier_of(line, words);
  std::string definition;
  for (const CircuitLine& own : library_.body(subcircuit)) {
    const auto first = circuit_words(own.text);
    if (!first.empty() && first[0] == ".subckt") {
      // The head of the copy: everything after the old name stays.
      const std::size_t name = own.text.find_first_not_of(" \t", own.text.find_first_of(" \t"));
      const std::size_t rest = std::min(own.text.find_first_of(" \t", name), own.text.size());
      definition += fmt::format(".subckt {}{}\n", copy, own.text.substr(rest));
    } else if (!first.empty() && first[0] == ".ends") {
      definition += ".ends\n";
    } else {
      definition += expand(own, path, inside) + "\n";
    }
  }
  definitions_ += definition;
  words[at] = copy;
  return fmt::format("{}", fmt::join(words, " "));
}

bool MismatchWriter::holds_device(const std::string& name) {
  if (const auto known = holds_.find(name); known != holds_.end()) return known->second;
  holds_[name] = false;  // a circle of subcircuits ends here; the simulator refuses it
  const Subcircuit* subcircuit = library_.subcircuit(name);
  if (subcircuit == nullptr) return false;
  bool found = false;
  bool nested = false;
  for (const CircuitLine& line : library_.body(*subcircuit)) {
    const auto words = circuit_words(line.text);
    if (words.empty()) continue;
    if (words[0] == ".subckt" && words[1] != name) nested = true;
    if (words[0][0] == 'x') {
      const std::string& inner = words[last_plain(words)];
      found = found || rule_of(inner) != nullptr || holds_device(inner);
    } else if (words[0][0] == 'm') {
      for (std::size_t k = 5; k < words.size() && words[k].find('=') == std::string::npos; ++k)
        found = found || rule_of(words[k]) != nullptr;
    }
  }
  if (found && nested)
    throw Error({.place = subcircuit->place,
                 .value = name,
                 .rule = "mismatch cannot draw for a subcircuit that defines others inside itself",
                 .remedy = "define them beside it"});
  return holds_[name] = found;
}

}  // namespace gaincell::characterize
