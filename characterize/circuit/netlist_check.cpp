#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <functional>

#include "base/suggest.h"
#include "base/text.h"
#include "characterize/circuit/code_models.h"
#include "characterize/circuit/netlist.h"
#include "characterize/circuit/netlist_parts.h"

namespace gaincell::characterize {
namespace {

// Devices whose model stands behind their nets. The model is the first word there that is one.
struct DeviceForm {
  char letter;
  std::size_t least_nets;
  std::size_t usual_nets;
  std::size_t most_nets;
};
constexpr std::array<DeviceForm, 11> kModelled{{{'m', 3, 4, 7},
                                                {'q', 3, 3, 5},
                                                {'d', 2, 2, 3},
                                                {'j', 3, 3, 3},
                                                {'z', 3, 3, 3},
                                                {'s', 4, 4, 4},
                                                {'o', 4, 4, 4},
                                                {'u', 3, 3, 3},
                                                {'w', 3, 3, 3},
                                                {'y', 4, 4, 4},
                                                {'p', 4, 4, 100}}};
constexpr std::string_view kPlain = "rclkvibefghtx";

const std::set<std::string>& device_types() {
  static const std::set<std::string> types{
      "r",       "res",     "c",      "cap",  "l",     "ind",   "sw",   "csw",
      "vswitch", "iswitch", "urc",    "ltra", "d",     "npn",   "pnp",  "lpnp",
      "njf",     "pjf",     "nmf",    "pmf",  "nhfet", "phfet", "nmos", "pmos",
      "vdmos",   "vdmosn",  "vdmosp", "cpl",  "txl",   "nsoi",  "psoi"};
  return types;
}

// Digital parts of PSpice, which its compatibility mode translates.
const std::set<std::string>& pspice_types() {
  static const std::set<std::string> types{"ugate", "utgate", "ueff", "ugff", "udly", "uio"};
  return types;
}

// Whether a random function of the simulator is called: `limit` draws with two arguments and clips
// with three.
bool calls_a_draw(std::string_view text) {
  const std::string low = lower(text);
  const auto is_name = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.';
  };
  for (const std::string_view name : {"agauss", "gauss", "aunif", "unif", "limit"}) {
    for (std::size_t at = low.find(name); at != std::string::npos; at = low.find(name, at + 1)) {
      std::size_t k = at + name.size();
      if (at > 0 && is_name(low[at - 1])) continue;
      while (k < low.size() && (low[k] == ' ' || low[k] == '\t')) ++k;
      if (k == low.size() || low[k] != '(') continue;
      std::size_t commas = 0;
      for (int depth = 0; k < low.size(); ++k) {
        if (low[k] == '(') ++depth;
        if (low[k] == ')' && --depth == 0) break;
        if (low[k] == ',' && depth == 1) ++commas;
      }
      if (name != "limit" || commas == 1) return true;
    }
  }
  return false;
}

// The subcircuit that an instance names.
const std::string& instance_of(const std::vector<std::string>& words) {
  std::size_t last = first_parameter(words);
  if (last > 1 && words[last - 1] == "params:") --last;
  return words[last - 1];
}

}  // namespace

bool is_model_type(const std::string& type, const Dialect& dialect) {
  return device_types().contains(type) || code_model_types().contains(type) ||
         (dialect.pspice && pspice_types().contains(type));
}

std::vector<std::string> model_types(const Dialect& dialect) {
  std::vector<std::string> all(device_types().begin(), device_types().end());
  all.insert(all.end(), code_model_types().begin(), code_model_types().end());
  if (dialect.pspice) all.insert(all.end(), pspice_types().begin(), pspice_types().end());
  return all;
}

void Library::check() {
  if (!strays_.empty()) throw strays_.front().error;
  for (const Element& element : elements_) check_element(element.line, element.scope);
  check_circles();
  find_unmultiplied();
  warn_of_lost_multipliers();
  draws_ = std::any_of(lines_.begin(), lines_.end(),
                       [](const CircuitLine& line) { return calls_a_draw(line.text); });
}

void Library::check_elements(const std::vector<CircuitLine>& lines) const {
  constexpr std::size_t kRemembered = 10'000;
  for (const CircuitLine& line : lines) {
    if (checked_.contains(line.text)) continue;
    check_element(line, 0);
    if (const auto words = circuit_words(line.text); !words.empty() && words[0][0] == 'x')
      check_multiplier_arrives(line, words);
    if (checked_.size() < kRemembered) checked_.insert(line.text);
  }
}

void Library::check_element(const CircuitLine& line, int scope) const {
  check_shape(line);
  const auto words = circuit_words(line.text);
  if (words.empty()) return;
  const char letter = words[0][0];
  if (letter == 'x') return check_instance(line, words, scope);
  if (kPlain.find(letter) != std::string_view::npos) return;
  if (letter == 'u' && dialect_.pspice) return;  // a digital part or an RC line
  if (letter == 'n')
    refuse_line(line, "compiled Verilog-A models (OSDI) are nothing to this simulator",
                "Debian's ngspice 39 is built without them; use a model type that it has");
  check_modelled(line, words, scope);
}

void Library::check_instance(const CircuitLine& line, const std::vector<std::string>& words,
                             int scope) const {
  const std::size_t plain = first_parameter(words);
  std::size_t last = plain;
  if (last > 1 && words[last - 1] == "params:") --last;
  if (last < 2) refuse_line(line, "an instance names its nets and a subcircuit", "");
  const std::string& name = words[last - 1];
  const Subcircuit* found = find_subcircuit(name, scope);
  if (found == nullptr) {
    const auto known = subcircuit_names();
    refuse_line(line, fmt::format("there is no subcircuit `{}`", name),
                known.empty() ? "add the file that defines it" : suggest_remedy(name, known));
  }
  const std::size_t nets = last - 2;
  if (nets != found->ports.size())
    refuse_line(line,
                fmt::format("`{}` has {} ports ({}), but {} nets are given", name,
                            found->ports.size(), fmt::join(found->ports, " "), nets),
                "");
  for (const std::string& one : parameter_names(words, plain)) {
    if (one == "m") continue;
    if (std::find(found->parameters.begin(), found->parameters.end(), one) ==
        found->parameters.end())
      refuse_line(line, fmt::format("the subcircuit `{}` has no parameter `{}`", name, one),
                  found->parameters.empty() ? "" : suggest_remedy(one, found->parameters));
  }
}

// Alike circuits are often simulated as one with a multiplier. Where it is lost on the way down,
// all that is measured of them is wrong, and nothing says so.
void Library::check_multiplier_arrives(const CircuitLine& line,
                                       const std::vector<std::string>& words) const {
  const std::string multiplier = parameter(words, "m");
  if (multiplier.empty() || multiplier == "1") return;
  const Subcircuit* found = find_subcircuit(instance_of(words), 0);
  if (found == nullptr) return;
  if (const auto lost = unmultiplied_.find(found->scope); lost != unmultiplied_.end())
    refuse_line(
        line,
        fmt::format("`m` of this instance does not reach what is inside `{}`: the simulator "
                    "hands it to the instances that have one of their own",
                    lost->second),
        "write `m=1` there, which this one then replaces, or use `count`");
}

// Scopes in which, or further down, an instance has no multiplier: it stops what comes from above.
void Library::find_unmultiplied() {
  std::map<int, std::vector<int>> above;  // scope -> scopes that hold it
  std::vector<int> found;
  for (const Element& element : elements_) {
    const auto words = circuit_words(element.line.text);
    if (words[0][0] != 'x') continue;
    if (parameter(words, "m").empty() &&
        unmultiplied_.emplace(element.scope, element.line.text.substr(0, 60)).second)
      found.push_back(element.scope);
    if (const Subcircuit* inner = find_subcircuit(instance_of(words), element.scope))
      above[inner->scope].push_back(element.scope);
  }
  while (!found.empty()) {
    const int scope = found.back();
    found.pop_back();
    for (const int holder : above[scope]) {
      if (unmultiplied_.emplace(holder, unmultiplied_[scope]).second) found.push_back(holder);
    }
  }
}

void Library::check_modelled(const CircuitLine& line, const std::vector<std::string>& words,
                             int scope) const {
  std::size_t expected = 0;
  if (words[0] == ".model") {  // ako:base
    expected = words[2].size() > 4 ? 2 : 3;
    const std::string base = expected == 2 ? words[2].substr(4) : words[3];
    if (has_model(base, scope)) return;
    refuse_line(line, fmt::format("there is no model `{}`", base), "");
  }
  const char letter = words[0][0];
  const std::size_t plain = first_parameter(words);
  if (letter == 'a') {
    expected = words.size() - 1;
    if (expected < 2) refuse_line(line, "a code model's device names its nets and a model", "");
    if (has_model(words[expected], scope)) return;
  } else {
    const auto form =
        std::find_if(kModelled.begin(), kModelled.end(),
                     [letter](const DeviceForm& one) { return one.letter == letter; });
    if (form == kModelled.end())
      refuse_line(
          line, fmt::format("`{}` begins no element that is simulated here", words[0].substr(0, 1)),
          "elements are A R C L K V I B E F G H S W T U O Y P D Q J Z M X");
    // More nets than the least only where the next word is a model.
    for (std::size_t nets = form->least_nets; nets <= form->most_nets; ++nets) {
      if (nets + 1 < words.size() && has_model(words[nets + 1], scope)) return;
    }
    expected = form->usual_nets + 1;
    if (expected >= plain && expected >= words.size())
      refuse_line(line, fmt::format("needs {} nets and a model", form->usual_nets), "");
  }
  std::vector<std::string> known;
  for (int s = scope; s >= 0; s = scopes_[static_cast<std::size_t>(s)].parent) {
    for (const auto& [name, type] : scopes_[static_cast<std::size_t>(s)].models)
      known.push_back(name);
  }
  refuse_line(line, fmt::format("there is no model `{}`", words[expected]),
              known.empty() ? "name the file with the model cards under `models` in the bench"
                            : suggest_remedy(words[expected], known));
}

// A subcircuit that holds itself has no end.
void Library::check_circles() const {
  std::map<int, std::vector<std::pair<int, const CircuitLine*>>> holds;
  for (const Element& element : elements_) {
    const auto words = circuit_words(element.line.text);
    if (words.empty() || words[0][0] != 'x') continue;
    if (const Subcircuit* inner = find_subcircuit(instance_of(words), element.scope))
      holds[element.scope].emplace_back(inner->scope, &element.line);
  }
  constexpr int kMaxNesting = 200;
  std::map<int, int> depths;  // of the scopes that were looked at
  std::set<int> open;
  const std::function<int(int)> depth_of = [&](int scope) {
    if (const auto known = depths.find(scope); known != depths.end()) return known->second;
    open.insert(scope);
    int depth = 0;
    for (const auto& [inner, line] : holds[scope]) {
      if (open.contains(inner)) refuse_line(*line, "a subcircuit that holds itself", "");
      // Both ways: down from here, and up from what is known already.
      if (static_cast<int>(open.size()) < kMaxNesting) depth = std::max(depth, 1 + depth_of(inner));
      if (depth >= kMaxNesting || static_cast<int>(open.size()) >= kMaxNesting)
        refuse_line(*line, "subcircuits nest more than 200 deep", "");
    }
    open.erase(scope);
    return depths[scope] = depth;
  };
  for (std::size_t scope = 0; scope < scopes_.size(); ++scope)
    static_cast<void>(depth_of(static_cast<int>(scope)));
}

// In its own dialect the simulator gives every device of a subcircuit the multiplier of the
// instance, in place of the one that stands there; and in every dialect an instance inside takes it
// only where it has one of its own.
void Library::warn_of_lost_multipliers() {
  std::map<int, const CircuitLine*> own;     // scope -> the first device with a multiplier in it
  std::map<int, const CircuitLine*> beyond;  // scope -> the first instance without one
  for (const Element& element : elements_) {
    const auto words = circuit_words(element.line.text);
    const std::string multiplier = parameter(words, "m");
    if (words[0][0] == 'x' && multiplier.empty()) beyond.emplace(element.scope, &element.line);
    if (!multiplier.empty() && multiplier != "1" && !dialect_.hspice &&
        std::string_view("bvehaknopstuwy").find(words[0][0]) == std::string_view::npos)
      own.emplace(element.scope, &element.line);
  }
  std::set<int> said;
  for (const Element& element : elements_) {
    const auto words = circuit_words(element.line.text);
    if (words[0][0] != 'x' || parameter(words, "m").empty()) continue;
    const std::string& name = instance_of(words);
    const Subcircuit* inner = find_subcircuit(name, element.scope);
    if (inner == nullptr || std::find(inner->parameters.begin(), inner->parameters.end(), "m") !=
                                inner->parameters.end())
      continue;
    const bool replaces = own.contains(inner->scope);
    if ((!replaces && !beyond.contains(inner->scope)) || !said.insert(inner->scope).second)
      continue;
    const std::string where = (replaces ? own : beyond)[inner->scope]->text.substr(0, 60);
    warnings_.push_back(
        replaces
            ? fmt::format("{}: `m` of this instance replaces `m` of `{}` inside `{}`, as it "
                          "does in ngspice; `ngbehavior: hsa` multiplies them",
                          element.line.place, where, name)
            : fmt::format("{}: `m` of this instance may not reach what is inside `{}` of `{}`: "
                          "ngspice hands it to the instances that have one of their own; "
                          "write `m=1` there",
                          element.line.place, where, name));
  }
}

const Subcircuit* Library::find_subcircuit(const std::string& name, int scope) const {
  for (int s = scope; s >= 0; s = scopes_[static_cast<std::size_t>(s)].parent) {
    const auto& known = scopes_[static_cast<std::size_t>(s)].subcircuits;
    if (const auto at = known.find(name); at != known.end()) return &at->second;
  }
  return nullptr;
}

namespace {

bool holds_model(const std::map<std::string, std::string>& known, const std::string& name) {
  if (known.contains(name)) return true;
  // Binned cards: nch.1, nch.2 ... serve the name nch.
  const auto next = known.lower_bound(name + ".");
  return next != known.end() && next->first.starts_with(name + ".");
}

}  // namespace

bool Library::has_model(const std::string& name, int scope) const {
  for (int s = scope; s >= 0; s = scopes_[static_cast<std::size_t>(s)].parent) {
    if (holds_model(scopes_[static_cast<std::size_t>(s)].models, name)) return true;
  }
  return false;
}

bool Library::has_inner_model(const std::string& name) const {
  return std::any_of(scopes_.begin(), scopes_.end(),
                     [&](const Scope& scope) { return holds_model(scope.models, name); });
}

}  // namespace gaincell::characterize
