#include "characterize/netlist.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"
#include "base/suggest.h"

namespace gaincell::characterize {
namespace {

namespace fs = std::filesystem;

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

bool blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\f'; }

[[noreturn]] void refuse(const CircuitLine& line, std::string rule, std::string remedy = {}) {
  std::string shown = line.text.substr(0, 120);
  throw Error({.place = line.place,
               .value = std::move(shown),
               .rule = std::move(rule),
               .remedy = std::move(remedy)});
}

// `$` begins a comment where a blank stands before and after it, `;` and `//` everywhere outside
// quotes.
std::string without_comment(std::string_view line) {
  bool quoted = false;
  for (std::size_t k = 0; k < line.size(); ++k) {
    if (line[k] == '"') quoted = !quoted;
    if (quoted) continue;
    const bool after_blank = k == 0 || blank(line[k - 1]);
    if (line[k] == ';') return std::string(line.substr(0, k));
    if (line[k] == '$' && after_blank && (k + 1 == line.size() || blank(line[k + 1])))
      return std::string(line.substr(0, k));
    if (line[k] == '/' && k + 1 < line.size() && line[k + 1] == '/' && after_blank)
      return std::string(line.substr(0, k));
  }
  return std::string(line);
}

std::string trimmed(std::string_view text) {
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return std::string(text);
}

std::string unquoted(std::string text) {
  if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
      text.back() == text.front())
    return text.substr(1, text.size() - 2);
  return text;
}

bool below(const fs::path& file, const fs::path& folder) {
  const auto relative = file.lexically_relative(folder);
  return !relative.empty() && *relative.begin() != "..";
}

// Nets of a device before its model, by letter; 0 = no model. Q and M may have more nets than the
// least: the model is their last word before the parameters.
struct DeviceForm {
  char letter;
  std::size_t least_nets;
  std::size_t most_nets;
};
constexpr std::array<DeviceForm, 9> kModelled{{{'m', 4, 7},
                                               {'q', 3, 5},
                                               {'d', 2, 3},
                                               {'j', 3, 3},
                                               {'z', 3, 3},
                                               {'s', 4, 4},
                                               {'o', 4, 4},
                                               {'u', 3, 3},
                                               {'w', 3, 3}}};
constexpr std::string_view kPlain = "rclkvibefghtx";
constexpr int kMaxIncludeDepth = 20;
// The simulator takes minutes for a line of a million characters.
constexpr std::size_t kMaxLine = 200'000;
constexpr std::size_t kGone = static_cast<std::size_t>(-1);  // of a line that was pruned

const std::set<std::string>& model_types() {
  static const std::set<std::string> types{
      "r",       "res",     "c",      "cap",  "l",     "ind",   "sw",   "csw",
      "vswitch", "iswitch", "urc",    "ltra", "d",     "npn",   "pnp",  "lpnp",
      "njf",     "pjf",     "nmf",    "pmf",  "nhfet", "phfet", "nmos", "pmos",
      "vdmos",   "vdmosn",  "vdmosp", "cpl",  "txl",   "nsoi",  "psoi"};
  return types;
}

// Words of a parameter list: names before an '='.
std::vector<std::string> parameter_names(const std::vector<std::string>& words, std::size_t from) {
  std::vector<std::string> names;
  for (std::size_t k = from; k < words.size(); ++k) {
    const std::size_t equals = words[k].find('=');
    if (equals != std::string::npos) names.push_back(words[k].substr(0, equals));
  }
  return names;
}

}  // namespace

std::vector<CircuitLine> logical_lines(std::string_view text, const std::string& file) {
  std::vector<CircuitLine> lines;
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view raw = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    const std::string place = fmt::format("{}:{}", file, number);
    for (const char c : raw) {
      if (static_cast<unsigned char>(c) < ' ' && !blank(c))
        throw Error({.place = place,
                     .rule = "holds a control character",
                     .remedy = "a netlist is plain text"});
    }
    const std::string whole = trimmed(raw);
    if (whole.empty() || whole.front() == '*' || whole.front() == '#') continue;
    const std::string line = trimmed(without_comment(whole));
    if (line.empty()) continue;
    if (line.front() == '+') {
      if (lines.empty())
        throw Error({.place = place, .rule = "continues a line, but none stands before it"});
      lines.back().text += fmt::format(" {}", trimmed(line.substr(1)));
    } else {
      lines.push_back({line, place});
    }
    if (lines.back().text.size() > kMaxLine)
      throw Error({.place = lines.back().place,
                   .rule = "is longer than 200,000 characters, continuations included"});
  }
  return lines;
}

std::vector<std::string> circuit_words(std::string_view line) {
  std::string text = lower(line);
  // Blanks around '=' go, so that a parameter is one word.
  std::string packed;
  int depth = 0;
  char quote = 0;
  const auto eat_blanks_behind = [&packed] {
    while (!packed.empty() && blank(packed.back())) packed.pop_back();
  };
  for (std::size_t k = 0; k < text.size(); ++k) {
    const char c = text[k];
    if (quote != 0) {
      packed += c;
      if (c == quote) quote = 0;
      continue;
    }
    if (c == '\'' || c == '"') quote = c;
    if (c == '{') ++depth;
    if (c == '}') --depth;
    if (c == '=' && depth == 0) {
      eat_blanks_behind();
      packed += c;
      while (k + 1 < text.size() && blank(text[k + 1])) ++k;
      continue;
    }
    packed += c;
  }
  std::vector<std::string> words;
  std::string word;
  depth = 0;
  quote = 0;
  for (const char c : packed) {
    if (quote != 0) {
      word += c;
      if (c == quote) quote = 0;
      continue;
    }
    if (c == '\'' || c == '"') quote = c;
    if (c == '{') ++depth;
    if (c == '}') --depth;
    if (depth == 0 && (blank(c) || c == ',')) {
      if (!word.empty()) words.push_back(std::move(word));
      word.clear();
      continue;
    }
    word += c;
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

void Library::add(const fs::path& file, const std::string& section, const std::string& named_at,
                  Use use) {
  std::error_code ignored;
  roots_.push_back(fs::weakly_canonical(file, ignored).parent_path());
  use_ = use;
  read(file, section, named_at, 0);
  if (open_scope_ != 0)
    throw Error({.place = file.string(),
                 .rule = fmt::format("`.subckt {}` is not closed",
                                     scopes_[static_cast<std::size_t>(open_scope_)].name),
                 .remedy = "add .ends"});
}

void Library::add_text(const std::string& text, const std::string& name) {
  read_lines(text, name, "", name, kMaxIncludeDepth);
}

void Library::read(const fs::path& file, const std::string& section, const std::string& named_at,
                   int depth) {
  if (depth >= kMaxIncludeDepth)
    throw Error(
        {.place = named_at, .rule = "includes nest more than 20 deep: they go in a circle"});
  std::error_code error;
  const fs::path real = fs::weakly_canonical(file, error);
  const bool allowed = std::any_of(roots_.begin(), roots_.end(), [&](const fs::path& root) {
    std::error_code ignored;
    return below(real, fs::weakly_canonical(root, ignored));
  });
  if (!allowed)
    throw Error({.place = named_at,
                 .value = file.string(),
                 .rule = "lies outside the bench's folder and the folders of its models",
                 .remedy = "name its folder under `model_folders` in the bench if it is meant"});
  if (!fs::is_regular_file(real, error))
    throw Error({.place = named_at,
                 .value = file.string(),
                 .rule = "there is no such file",
                 .remedy = "paths are relative to the file that names them"});
  const std::string text = read_file(file);
  const SourceFile source{file.string(), sha256(text)};
  if (std::none_of(files_.begin(), files_.end(),
                   [&](const SourceFile& known) { return known.path == source.path; }))
    files_.push_back(source);
  read_lines(text, file, section, named_at, depth);
}

void Library::read_lines(const std::string& text, const fs::path& file, const std::string& section,
                         const std::string& named_at, int depth) {
  bool inside = section.empty();
  bool found = inside;
  for (const CircuitLine& line : logical_lines(text, file.string())) {
    const auto words = circuit_words(line.text);
    if (words.empty()) continue;
    // `.lib name` with one word begins a section; with a file it is a call.
    if (!section.empty() && words[0] == ".lib" && words.size() == 2) {
      if (inside) refuse(line, fmt::format("the section `{}` is not closed", section), "add .endl");
      inside = unquoted(words[1]) == lower(section);
      found = found || inside;
      continue;
    }
    if (!section.empty() && words[0] == ".endl") {
      inside = false;
      continue;
    }
    if (inside) take(line, file, depth);
  }
  if (!found)
    throw Error({.place = named_at,
                 .value = file.string(),
                 .rule = fmt::format("has no section `{}`", section)});
}

// A line from .control to .endc. Commands that reach outside need their own permission; whatever
// the screening does not know, the worker's sandbox holds.
void Library::take_control(CircuitLine line, const std::string& command) {
  if (!permitted_.contains("control"))
    refuse(line, "a netlist is not a program",
           "take the control block out, or run with --allow control");
  const std::string plain = command.starts_with("pre_") ? command.substr(4) : command;
  static const std::map<std::string, std::string> kNeeds{
      {"shell", "shell"},         {"!", "shell"},        {"aspice", "shell"}, {"edit", "shell"},
      {"source", "source"},       {"load", "source"},    {"cd", "source"},    {"write", "write"},
      {"wrdata", "write"},        {"wrs2p", "write"},    {"snsave", "write"}, {"hardcopy", "write"},
      {"codemodel", "codemodel"}, {"osdi", "codemodel"}, {"use", "codemodel"}};
  const auto need = kNeeds.find(plain);
  if (need != kNeeds.end() && !permitted_.contains(need->second))
    refuse(line, fmt::format("`{}` reaches outside of the simulation", plain),
           fmt::format("take it out, or run with --allow {}", need->second));
  in_control_ = command != ".endc";
  lines_.push_back(std::move(line));
}

void Library::take(CircuitLine line, const fs::path& file, int depth) {
  const auto words = circuit_words(line.text);
  const std::string& first = words[0];
  if (in_control_ || first == ".control" || first == ".endc")
    return take_control(std::move(line), first);
  const auto path_of = [&](const std::string& lowered) {
    // Words are lower-case; the path keeps its own letters.
    const std::string plain = unquoted(lowered);
    const auto at = lower(line.text).find(plain);
    const fs::path named = line.text.substr(at, plain.size());
    return named.is_absolute() ? named : file.parent_path() / named;
  };
  if (first == ".include" || first == ".inc") {
    if (words.size() != 2) refuse(line, "an include names one file");
    return read(path_of(words[1]), "", line.place, depth + 1);
  }
  if (first == ".lib") {
    if (words.size() != 3)
      refuse(line, "a library call names a file and a section",
             "a file of sections is taken with {file: ..., section: ...}");
    return read(path_of(words[1]), words[2], line.place, depth + 1);
  }
  static const std::set<std::string> kNothing{".end",    ".endl",    ".prot",
                                              ".unprot", ".protect", ".unprotect"};
  if (kNothing.contains(first)) return;
  // Text for the simulator's own expressions; nothing in them reaches outside.
  static const std::set<std::string> kText{".param", ".func",  ".if",    ".elseif",
                                           ".else",  ".endif", ".global"};
  if (first == ".subckt") {
    open_subcircuit(line, words);
  } else if (first == ".ends" || first == ".eom") {
    if (open_scope_ == 0) refuse(line, "closes a subcircuit, but none is open");
    const Scope& closed = scopes_[static_cast<std::size_t>(open_scope_)];
    open_scope_ = closed.parent;
    scopes_[static_cast<std::size_t>(open_scope_)].subcircuits[closed.name].last_line =
        lines_.size();
  } else if (first == ".model") {
    take_model(line, words);
  } else if (first == ".param" && open_scope_ != 0) {
    // An instance may set these as well: ngspice moves them to the .subckt line.
    const Scope& open = scopes_[static_cast<std::size_t>(open_scope_)];
    auto& known =
        scopes_[static_cast<std::size_t>(open.parent)].subcircuits.at(open.name).parameters;
    for (std::string& name : parameter_names(words, 1)) known.push_back(std::move(name));
  } else if (first == ".option" || first == ".options") {
    // Libraries with sizes in um scale them; every other option is the bench's affair.
    for (std::size_t k = 1; k < words.size(); ++k) {
      if (!words[k].starts_with("scale="))
        refuse(line, fmt::format("the option `{}` may not be set by a library", words[k]),
               "options belong under `analysis` in the bench");
    }
  } else if (!kText.contains(first) && first[0] == '.') {
    static const std::vector<std::string> known{".subckt",  ".ends", ".model", ".param", ".func",
                                                ".include", ".lib",  ".if",    ".else",  ".endif"};
    refuse(line, fmt::format("`{}` is not circuit text", first),
           fmt::format("sources, analyses and options belong into the bench; here may stand {}",
                       fmt::join(known, " ")));
  } else if (first[0] != '.') {
    if (open_scope_ == 0)
      refuse(line, "an element outside a subcircuit",
             "put it between .subckt and .ends, or under `elements` in the bench");
    elements_.push_back({line, open_scope_, use_ == Use::kNetlist, lines_.size()});
  }
  lines_.push_back(std::move(line));
}

void Library::open_subcircuit(const CircuitLine& line, const std::vector<std::string>& words) {
  if (words.size() < 2) refuse(line, "a subcircuit needs a name");
  Subcircuit subcircuit{words[1], {}, {}, line.place, lines_.size(), lines_.size()};
  std::size_t k = 2;
  for (; k < words.size() && words[k].find('=') == std::string::npos && words[k] != "params:"; ++k)
    subcircuit.ports.push_back(words[k]);
  subcircuit.parameters = parameter_names(words, k);
  auto& known = scopes_[static_cast<std::size_t>(open_scope_)].subcircuits;
  if (known.contains(words[1]))
    refuse(line, fmt::format("`{}` is defined twice", words[1]),
           fmt::format("the other stands at {}", known[words[1]].place));
  known[words[1]] = subcircuit;
  Scope inner;
  inner.name = words[1];
  inner.parent = open_scope_;
  scopes_.push_back(inner);
  open_scope_ = static_cast<int>(scopes_.size()) - 1;
}

void Library::take_model(CircuitLine& line, const std::vector<std::string>& words) {
  if (words.size() < 3) refuse(line, "a model needs a name and a type");
  const std::string type = words[2].substr(0, words[2].find('('));
  if (!model_types().contains(type)) {
    const std::vector<std::string> known(model_types().begin(), model_types().end());
    refuse(line, fmt::format("`{}` is no model type of this simulator", type),
           suggest_remedy(type, known));
  }
  scopes_[static_cast<std::size_t>(open_scope_)].models[words[1]] = type;
  const auto ignored = [this](const std::string& word) {
    const std::size_t begin = word.starts_with("(") ? 1 : 0;
    const std::size_t equals = word.find('=');
    return equals != std::string::npos &&
           ignored_parameters_.contains(word.substr(begin, equals - begin));
  };
  if (std::none_of(words.begin(), words.end(), ignored)) return;
  // The brackets around a card's parameters are for the eye.
  std::string kept;
  for (std::string word : words) {
    if (ignored(word)) continue;
    if (word.starts_with("(")) word.erase(0, 1);
    if (word.ends_with(")") && word.find('(') == std::string::npos) word.pop_back();
    kept += kept.empty() ? word : " " + word;
  }
  line.text = kept;
}

std::vector<Library::Unit> Library::units() const {
  std::vector<Unit> all;
  int conditional = 0;
  for (std::size_t k = 0; k < lines_.size(); ++k) {
    const auto words = circuit_words(lines_[k].text);
    const std::string& first = words[0];
    // What stands in a conditional block may or may not be there: it stays.
    if (first == ".if") ++conditional;
    const bool always = conditional > 0;
    if (first == ".endif") --conditional;
    Unit unit{k, k, {}};
    if (first == ".subckt") {
      unit.last = scopes_[0].subcircuits.at(words[1]).last_line;
      unit.names = {words[1]};
      k = unit.last;
    } else if (first == ".model") {
      unit.names = {words[1]};
      if (const std::size_t dot = words[1].rfind('.'); dot != std::string::npos)
        unit.names.push_back(words[1].substr(0, dot));  // one bin of a card
    } else if (first == ".param") {
      unit.names = parameter_names(words, 1);
    } else if (first == ".func" && words.size() > 1) {
      unit.names = {words[1].substr(0, words[1].find('('))};
    }
    if (always) unit.names.clear();
    all.push_back(std::move(unit));
  }
  return all;
}

namespace {

template <class Take>
void for_each_name(std::string_view text, Take take) {
  std::string name;
  for (std::size_t k = 0; k <= text.size(); ++k) {
    const auto c = static_cast<unsigned char>(k < text.size() ? text[k] : ' ');
    if (std::isalnum(c) || c == '_' || c == '.' || c == '#' || c == '$') {
      name += static_cast<char>(std::tolower(c));
    } else if (!name.empty()) {
      take(name);
      name.clear();
    }
  }
}

}  // namespace

void Library::prune(std::string_view text) {
  const std::vector<Unit> all = units();
  std::multimap<std::string, std::size_t> defines;
  for (std::size_t u = 0; u < all.size(); ++u) {
    for (const std::string& name : all[u].names) defines.emplace(name, u);
  }
  std::vector<bool> kept(all.size(), false);
  std::vector<std::size_t> open;
  const auto need = [&](const std::string& name) {
    const auto [begin, end] = defines.equal_range(name);
    for (auto at = begin; at != end; ++at) {
      if (kept[at->second]) continue;
      kept[at->second] = true;
      open.push_back(at->second);
    }
  };
  for (std::size_t u = 0; u < all.size(); ++u) {
    if (!all[u].names.empty()) continue;
    kept[u] = true;
    open.push_back(u);
  }
  for_each_name(text, need);
  while (!open.empty()) {
    const Unit& unit = all[open.back()];
    open.pop_back();
    for (std::size_t k = unit.first; k <= unit.last; ++k) for_each_name(lines_[k].text, need);
  }
  // Indices into the lines move.
  std::vector<std::size_t> moved(lines_.size(), kGone);
  std::vector<CircuitLine> lines;
  for (std::size_t u = 0; u < all.size(); ++u) {
    for (std::size_t k = all[u].first; kept[u] && k <= all[u].last; ++k) {
      moved[k] = lines.size();
      lines.push_back(std::move(lines_[k]));
    }
  }
  lines_ = std::move(lines);
  for (Scope& scope : scopes_) {
    for (auto& [name, subcircuit] : scope.subcircuits) {
      subcircuit.first_line = moved[subcircuit.first_line];
      subcircuit.last_line = moved[subcircuit.last_line];
    }
  }
  std::erase_if(elements_, [&](Element& element) {
    element.at = moved[element.at];
    return element.at == kGone && !element.strict;
  });
}

std::span<const CircuitLine> Library::body(const Subcircuit& subcircuit) const {
  if (subcircuit.first_line == kGone) return {};
  return std::span(lines_).subspan(subcircuit.first_line,
                                   subcircuit.last_line - subcircuit.first_line + 1);
}

bool Library::draws() const {
  static const std::set<std::string> functions{"agauss", "gauss", "aunif", "unif", "limit"};
  bool found = false;
  for (const CircuitLine& line : lines_)
    for_each_name(line.text,
                  [&](const std::string& name) { found = found || functions.contains(name); });
  return found;
}

std::vector<std::string> Library::model_names() const {
  std::vector<std::string> names;
  for (const auto& [name, type] : scopes_[0].models) names.push_back(name);
  return names;
}

void Library::check() const {
  for (const Element& element : elements_) check_element(element.line, element.scope);
}

void Library::check_elements(const std::vector<CircuitLine>& lines) const {
  constexpr std::size_t kRemembered = 10'000;
  for (const CircuitLine& line : lines) {
    if (checked_.contains(line.text)) continue;
    check_element(line, 0);
    if (checked_.size() < kRemembered) checked_.insert(line.text);
  }
}

void Library::check_element(const CircuitLine& line, int scope) const {
  const auto words = circuit_words(line.text);
  if (words.empty()) return;
  const char letter = words[0][0];
  std::size_t plain = 1;  // words before the first parameter
  while (plain < words.size() && words[plain].find('=') == std::string::npos) ++plain;
  if (letter == 'x') {
    std::size_t last = plain;
    if (last > 1 && words[last - 1] == "params:") --last;
    if (last < 2) refuse(line, "an instance names its nets and a subcircuit");
    const std::string& name = words[last - 1];
    const Subcircuit* found = find_subcircuit(name, scope);
    if (found == nullptr) {
      const auto known = subcircuit_names();
      refuse(line, fmt::format("there is no subcircuit `{}`", name),
             known.empty() ? "add the file that defines it" : suggest_remedy(name, known));
    }
    const std::size_t nets = last - 2;
    if (nets != found->ports.size())
      refuse(line, fmt::format("`{}` has {} ports ({}), but {} nets are given", name,
                               found->ports.size(), fmt::join(found->ports, " "), nets));
    for (const std::string& parameter : parameter_names(words, plain)) {
      if (parameter == "m") continue;
      if (std::find(found->parameters.begin(), found->parameters.end(), parameter) ==
          found->parameters.end())
        refuse(line, fmt::format("the subcircuit `{}` has no parameter `{}`", name, parameter),
               found->parameters.empty() ? "" : suggest_remedy(parameter, found->parameters));
    }
    return;
  }
  const auto form = std::find_if(kModelled.begin(), kModelled.end(),
                                 [letter](const DeviceForm& one) { return one.letter == letter; });
  if (form == kModelled.end()) {
    if (kPlain.find(letter) == std::string_view::npos)
      refuse(line,
             fmt::format("`{}` begins no element that is simulated here", std::string(1, letter)),
             "elements are R C L K V I B E F G H S W T U O D Q J Z M X");
    return;
  }
  // The model stands after the nets; more nets than the least only where the next word is a model.
  for (std::size_t nets = form->least_nets; nets <= form->most_nets; ++nets) {
    if (nets + 1 < words.size() && has_model(words[nets + 1], scope)) return;
  }
  const std::size_t expected = form->least_nets + 1;
  if (expected >= plain && expected >= words.size())
    refuse(line, fmt::format("needs {} nets and a model", form->least_nets));
  std::vector<std::string> known;
  for (int s = scope; s >= 0; s = scopes_[static_cast<std::size_t>(s)].parent) {
    for (const auto& [name, type] : scopes_[static_cast<std::size_t>(s)].models)
      known.push_back(name);
  }
  refuse(line, fmt::format("there is no model `{}`", words[expected]),
         known.empty() ? "name the file with the model cards under `models` in the bench"
                       : suggest_remedy(words[expected], known));
}

const Subcircuit* Library::find_subcircuit(const std::string& name, int scope) const {
  for (int s = scope; s >= 0; s = scopes_[static_cast<std::size_t>(s)].parent) {
    const auto& known = scopes_[static_cast<std::size_t>(s)].subcircuits;
    if (const auto at = known.find(name); at != known.end()) return &at->second;
  }
  return nullptr;
}

bool Library::has_model(const std::string& name, int scope) const {
  for (int s = scope; s >= 0; s = scopes_[static_cast<std::size_t>(s)].parent) {
    const auto& known = scopes_[static_cast<std::size_t>(s)].models;
    if (known.contains(name)) return true;
    // Binned cards: nch.1, nch.2 ... serve the name nch.
    const auto next = known.lower_bound(name + ".");
    if (next != known.end() && next->first.starts_with(name + ".")) return true;
  }
  return false;
}

const Subcircuit* Library::subcircuit(const std::string& name) const {
  return find_subcircuit(lower(name), 0);
}

std::vector<std::string> Library::subcircuit_names() const {
  std::vector<std::string> names;
  for (const auto& [name, subcircuit] : scopes_[0].subcircuits) names.push_back(name);
  return names;
}

std::string Library::text() const {
  std::string out;
  for (const CircuitLine& line : lines_) {
    out += line.text;
    out += '\n';
  }
  return out;
}

}  // namespace gaincell::characterize
