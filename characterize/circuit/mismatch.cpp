#include "characterize/circuit/mismatch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/random.h"
#include "base/units.h"
#include "characterize/schema/expression.h"

namespace gaincell::characterize {
namespace {

[[noreturn]] void refuse(const CircuitLine& line, std::string rule, std::string remedy) {
  throw Error({.place = line.place,
               .value = line.text.substr(0, 120),
               .rule = std::move(rule),
               .remedy = std::move(remedy)});
}

constexpr std::size_t kMaxCopies = 1'000'000;
// A transistor of 1 nm x 1 nm, and one of 1 mm x 1 mm.
constexpr double kLeastArea_m2 = 1e-18;
constexpr double kMostArea_m2 = 1e-6;

// The value of an expression of these parameters, where it can be told without the simulator.
std::optional<double> value_of(const std::string& text,
                               const std::map<std::string, double>& numbers) {
  if (const auto plain = parse_quantity(unquoted(text), "")) return plain;
  Scope scope;
  for (const auto& [name, value] : numbers) scope.set(name, value);
  try {
    return Expression(unquoted(text), scope, {}).value(scope);
  } catch (const Error&) {
    return std::nullopt;
  }
}

// Takes the parameters among the words into account, one after the other, but for those that are
// given from outside.
void learn(const std::vector<std::string>& words, const std::set<std::string>& given,
           std::map<std::string, double>& numbers) {
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) continue;
    const std::string name = word.substr(0, equals);
    if (given.contains(name)) continue;
    const auto value = value_of(word.substr(equals + 1), numbers);
    if (value) {
      numbers[name] = *value;
    } else {
      numbers.erase(name);
    }
  }
}

// The last of the words that are no parameters: the subcircuit of an instance.
std::size_t last_plain(const std::vector<std::string>& words) {
  std::size_t k = 1;
  while (k < words.size() && words[k].find('=') == std::string::npos) ++k;
  if (k > 1 && words[k - 1] == "params:") --k;
  return k - 1;
}

}  // namespace

MismatchWriter::MismatchWriter(const Library& library, std::span<const PelgromRule> rules,
                               std::uint64_t seed, std::uint64_t draw,
                               std::map<std::string, double> parameters)
    : library_(library), rules_(rules), seed_(seed), draw_(draw), globals_(std::move(parameters)) {
  if (draw_ != 0) return;  // sizes are looked at once; they are the same in every draw
  std::set<std::string> given;
  for (const auto& [name, value] : globals_) given.insert(name);
  int open = 0;
  for (const CircuitLine& line : library_.lines()) {
    const auto words = circuit_words(line.text);
    if (words[0] == ".subckt") ++open;
    if (words[0] == ".ends") --open;
    if (open == 0 && words[0] == ".param") learn(words, given, globals_);
  }
}

const PelgromRule* MismatchWriter::rule_of(const std::string& name) const {
  const auto at = std::find_if(rules_.begin(), rules_.end(), [&](const PelgromRule& rule) {
    // A binned card nch.3 is of the kind nch.
    return rule.model == name || name.starts_with(rule.model + ".");
  });
  return at == rules_.end() ? nullptr : &*at;
}

// A rule that names the model goes ahead of one for the subcircuit around it.
const PelgromRule* MismatchWriter::rule_of_device(const std::vector<std::string>& words,
                                                  const PelgromRule* wrapped) const {
  if (words[0][0] != 'm') return nullptr;
  const std::size_t plain = first_parameter(words);
  for (std::size_t k = 4; k < plain; ++k) {
    if (const PelgromRule* rule = rule_of(words[k])) return rule;
  }
  return wrapped;
}

std::string MismatchWriter::element(const CircuitLine& line) {
  return expand(line, {.path = "", .numbers = globals_});
}

std::string MismatchWriter::expand(const CircuitLine& line, const Place& place) {
  std::vector<std::string> words = circuit_words(line.text);
  if (words.empty()) return line.text;
  const std::string here = place.path.empty() ? words[0] : place.path + "." + words[0];
  if (words[0][0] == 'x') return instance(line, std::move(words), here, place);
  if (const PelgromRule* rule = rule_of_device(words, place.wrapped))
    return drawn(line, words, *rule, here, place);
  return line.text;
}

// W L m of the device as an expression for the simulator, in m^2: the sizes may be expressions of
// the subcircuit's parameters. Where they can be told here, they are looked at.
std::string MismatchWriter::area_of(const CircuitLine& line, const std::vector<std::string>& words,
                                    const PelgromRule& rule, const Place& place) const {
  const std::string width = unquoted(parameter(words, rule.width));
  const std::string length = unquoted(parameter(words, rule.length));
  if (width.empty() || length.empty())
    refuse(line,
           fmt::format("mismatch of `{}` needs `{}` and `{}` on this line", rule.model, rule.width,
                       rule.length),
           "write both, or take it out of `mismatch`");
  const double scale = library_.scale();
  std::string area = fmt::format("({})*({})", width, length);
  if (scale != 1) area += fmt::format("*{}", format_exact(scale * scale));
  const bool plain = parse_quantity(width, "") && parse_quantity(length, "");
  if (plain || draw_ == 0) {
    const auto w = value_of(width, place.numbers);
    const auto l = value_of(length, place.numbers);
    const double size = w && l ? *w * *l * scale * scale : std::sqrt(kLeastArea_m2 * kMostArea_m2);
    if (!(size >= kLeastArea_m2 && size <= kMostArea_m2))
      refuse(line,
             fmt::format("is understood as a transistor of {} m x {} m, which mismatch cannot mean",
                         format_exact(*w * scale), format_exact(*l * scale)),
             "sizes are in m, or in what `.option scale` of the netlist says");
  }
  // Out of these bounds the root is of 0, and the simulation fails.
  if (!plain)
    area = fmt::format("{0}*(({0})>{1})*(({0})<{2})", area, format_exact(kLeastArea_m2),
                       format_exact(kMostArea_m2));
  const std::string own = unquoted(parameter(words, "m"));
  if (place.multiplied) area += "*(m)";
  if (!own.empty() && (!place.multiplied || library_.dialect().hspice))
    area += fmt::format("*({})", own);
  return area;
}

// The draws are plain numbers; the root of the area stays for the simulator to work out.
std::string MismatchWriter::drawn(const CircuitLine& line, const std::vector<std::string>& words,
                                  const PelgromRule& rule, const std::string& path,
                                  const Place& place) {
  const std::string area = area_of(line, words, rule, place);
  for (const std::string& name : {rule.shift, rule.gain}) {
    if (!name.empty() && !parameter(words, name).empty())
      refuse(line, fmt::format("has a `{}` already, which mismatch would set", name),
             "let the library draw (mismatch: {library: true}), or take it out of `mismatch`");
  }
  Random random(seed_, "mismatch " + path, draw_);
  const double vt = random.normal() * rule.a_vt_v_m / std::numbers::sqrt2;
  const double beta = random.normal() * rule.a_beta_m / std::numbers::sqrt2;
  ++devices_;
  std::string text = line.text;
  text += fmt::format(" {}={{{}/sqrt({})}}", rule.shift, format_exact(vt), area);
  if (!rule.gain.empty() && rule.a_beta_m > 0)
    text += fmt::format(" {}={{1+({}/sqrt({}))}}", rule.gain, format_exact(beta), area);
  return text;
}

// In ngspice the multiplier of an instance reaches the devices of its subcircuit, unless that
// declares a parameter of this name, and not those of the subcircuits inside.
MismatchWriter::Place MismatchWriter::inside(const std::vector<std::string>& words,
                                             const Subcircuit& subcircuit, const std::string& path,
                                             const Place& place) const {
  Place inner{.path = path, .wrapped = place.wrapped};
  const bool declared = std::find(subcircuit.parameters.begin(), subcircuit.parameters.end(),
                                  "m") != subcircuit.parameters.end();
  inner.multiplied = !declared && !parameter(words, "m").empty();
  if (draw_ != 0) return inner;
  // Defaults, what the instance sets, and what follows from both.
  inner.numbers = globals_;
  const auto body = library_.body(subcircuit);
  learn(circuit_words(body.front().text), {}, inner.numbers);
  std::set<std::string> given;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) continue;
    const std::string name = word.substr(0, equals);
    given.insert(name);
    inner.numbers.erase(name);
    if (const auto value = value_of(word.substr(equals + 1), place.numbers))
      inner.numbers[name] = *value;
  }
  for (const CircuitLine& line : body) {
    const auto local = circuit_words(line.text);
    if (local[0] == ".param") learn(local, given, inner.numbers);
  }
  return inner;
}

std::string MismatchWriter::instance(const CircuitLine& line, std::vector<std::string> words,
                                     const std::string& path, const Place& place) {
  const std::size_t at = last_plain(words);
  const PelgromRule* rule = rule_of(words[at]);
  if (rule != nullptr && !rule->inside) return drawn(line, words, *rule, path, place);
  const PelgromRule* wrapped = rule != nullptr ? rule : place.wrapped;
  if (!holds_device(words[at], wrapped != nullptr)) return line.text;
  const Subcircuit& subcircuit = *library_.subcircuit(words[at]);
  const std::string copy = fmt::format("{}__{}", words[at], ++copies_);
  if (copies_ > kMaxCopies)
    refuse(line, "mismatch would write more than 1,000,000 subcircuits", "");
  Place inner = inside(words, subcircuit, path, place);
  inner.wrapped = wrapped;
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
      definition += expand(own, inner) + "\n";
    }
  }
  definitions_ += definition;
  words[at] = copy;
  return fmt::format("{}", fmt::join(words, " "));
}

// With `any`, whether a transistor of any kind is in it.
bool MismatchWriter::holds_device(const std::string& name, bool any) {
  const std::pair key{name, any};
  if (const auto known = holds_.find(key); known != holds_.end()) return known->second;
  holds_[key] = false;
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
      const PelgromRule* rule = rule_of(inner);
      found = found || (rule != nullptr && !rule->inside) ||
              holds_device(inner, any || rule != nullptr);
    } else if (words[0][0] == 'm') {
      found = found || any || rule_of_device(words, nullptr) != nullptr;
    }
  }
  if (found && nested)
    throw Error({.place = subcircuit->place,
                 .value = name,
                 .rule = "mismatch cannot draw for a subcircuit that defines others inside itself",
                 .remedy = "define them beside it"});
  return holds_[key] = found;
}

}  // namespace gaincell::characterize
