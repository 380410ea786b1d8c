#include "characterize/circuit/netlist.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/files.h"
#include "base/sha256.h"
#include "base/suggest.h"
#include "base/text.h"
#include "base/units.h"
#include "characterize/circuit/code_models.h"
#include "characterize/circuit/netlist_parts.h"

namespace gaincell::characterize {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxIncludeDepth = 20;

bool below(const fs::path& file, const fs::path& folder) {
  const auto relative = file.lexically_relative(folder);
  return !relative.empty() && *relative.begin() != "..";
}

// The file that a line names, in the letters that stand there.
fs::path named_file(const CircuitLine& line, const std::string& word, const fs::path& from) {
  const std::string plain = unquoted(word);  // lower-case, as all words
  const fs::path named = line.text.substr(lower(line.text).find(plain), plain.size());
  return named.is_absolute() ? named : from.parent_path() / named;
}

// The simulator takes brackets around the nets of an instance or the ports of a subcircuit for
// blanks.
std::string without_net_brackets(std::string text, std::size_t words_before) {
  constexpr std::string_view kBlanks = " \t\r\f";
  std::size_t at = 0;
  for (std::size_t k = 0; k < words_before && at != std::string::npos; ++k)
    at = text.find_first_not_of(kBlanks, text.find_first_of(kBlanks, at));
  if (at == std::string::npos || text[at] != '(') return text;
  text[at] = ' ';
  if (const std::size_t close = text.find(')', at); close != std::string::npos) text[close] = ' ';
  return text;
}

}  // namespace

[[noreturn]] void refuse_line(const CircuitLine& line, std::string rule, std::string remedy) {
  throw Error({.place = line.place,
               .value = line.text.substr(0, 120),
               .rule = std::move(rule),
               .remedy = std::move(remedy)});
}

std::vector<std::string> parameter_names(const std::vector<std::string>& words, std::size_t from) {
  std::vector<std::string> names;
  for (std::size_t k = from; k < words.size(); ++k) {
    const std::size_t equals = words[k].find('=');
    if (equals == std::string::npos) continue;
    const std::string name = words[k].substr(0, equals);
    names.push_back(name.substr(0, name.find('(')));  // a function in the guise of a parameter
  }
  return names;
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
  const std::string outer = std::exchange(file_, file.string());
  bool inside = section.empty();
  bool found = inside;
  for (const CircuitLine& line : logical_lines(text, file_, dialect_)) {
    check_shape(line);
    const auto words = circuit_words(line.text);
    if (words.empty()) continue;
    // `.lib name` with one word begins a section; with a file it is a call.
    if (!section.empty() && words[0] == ".lib" && words.size() == 2) {
      if (inside)
        refuse_line(line, fmt::format("the section `{}` is not closed", section), "add .endl");
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
  file_ = outer;
  if (!found)
    throw Error({.place = named_at,
                 .value = file.string(),
                 .rule = fmt::format("has no section `{}`", section)});
}

// A line from .control to .endc. Commands that reach outside need their own permission; whatever
// the screening does not know, the worker's sandbox holds.
void Library::take_control(CircuitLine line, const std::string& command) {
  if (!permitted_.contains("control"))
    refuse_line(line, "a netlist is not a program",
                "take the control block out, or run with --allow control");
  const std::string plain = command.starts_with("pre_") ? command.substr(4) : command;
  static const std::map<std::string, std::string> kNeeds{
      {"shell", "shell"},         {"!", "shell"},        {"aspice", "shell"}, {"edit", "shell"},
      {"source", "source"},       {"load", "source"},    {"cd", "source"},    {"write", "write"},
      {"wrdata", "write"},        {"wrs2p", "write"},    {"snsave", "write"}, {"hardcopy", "write"},
      {"codemodel", "codemodel"}, {"osdi", "codemodel"}, {"use", "codemodel"}};
  const auto need = kNeeds.find(plain);
  if (need != kNeeds.end() && !permitted_.contains(need->second))
    refuse_line(line, fmt::format("`{}` reaches outside of the simulation", plain),
                fmt::format("take it out, or run with --allow {}", need->second));
  in_control_ = command != ".endc";
  lines_.push_back(std::move(line));
}

// What a netlist may not hold; of a library it is kept in mind until it is known what is needed.
void Library::stray(const CircuitLine& line, std::string rule, std::string remedy) {
  if (use_ == Use::kNetlist) refuse_line(line, std::move(rule), std::move(remedy));
  strays_.push_back({Error({.place = line.place,
                            .value = line.text.substr(0, 120),
                            .rule = std::move(rule),
                            .remedy = std::move(remedy)}),
                     lines_.size(), open_scope_ == 0 ? file_ : std::string()});
}

void Library::take_call(const CircuitLine& line, const std::vector<std::string>& words,
                        const fs::path& file, int depth) {
  const bool library = words[0] == ".lib";
  const bool plain = !library || dialect_.pspice || dialect_.ltspice;
  if (plain) {
    if (words.size() != 2)
      refuse_line(line, "an include names one file",
                  library ? "in this compatibility mode `.lib` is an include" : "");
    return read(named_file(line, words[1], file), "", line.place, depth + 1);
  }
  if (words.size() != 3)
    refuse_line(line, "a library call names a file and a section",
                "a file of sections is taken with {file: ..., section: ...}");
  read(named_file(line, words[1], file), unquoted(words[2]), line.place, depth + 1);
}

void Library::take(CircuitLine line, const fs::path& file, int depth) {
  const auto words = circuit_words(line.text);
  const std::string& first = words[0];
  if (in_control_ || first == ".control" || first == ".endc")
    return take_control(std::move(line), first);
  if (first == ".lib" || first.starts_with(".inc")) return take_call(line, words, file, depth);
  static const std::set<std::string> kNothing{".end",    ".endl",    ".prot",     ".title",
                                              ".unprot", ".protect", ".unprotect"};
  if (kNothing.contains(first)) return;
  if (first == ".subckt" || first == ".macro") return open_subcircuit(std::move(line));
  if (first == ".ends" || first == ".eom") return close_subcircuit(line);
  // Text for the simulator's own expressions; nothing in them reaches outside.
  static const std::set<std::string> kText{".param", ".func",  ".if",    ".elseif",
                                           ".else",  ".endif", ".global"};
  if (first == ".model") {
    take_model(line, words);
  } else if (first == ".param" && open_scope_ != 0) {
    // An instance may set these as well: ngspice moves them to the .subckt line.
    const Scope& open = scopes_[static_cast<std::size_t>(open_scope_)];
    auto& known =
        scopes_[static_cast<std::size_t>(open.parent)].subcircuits.at(open.name).parameters;
    for (std::string& name : parameter_names(words, 1)) known.push_back(std::move(name));
  } else if (first == ".option" || first == ".options") {
    if (!take_option(line, words)) return;
  } else if (first[0] == '.' && !kText.contains(first)) {
    static const std::vector<std::string> known{".subckt",  ".ends", ".model", ".param", ".func",
                                                ".include", ".lib",  ".if",    ".else",  ".endif"};
    return stray(
        line, fmt::format("`{}` is not circuit text", first),
        fmt::format("sources, analyses and options belong into the bench; here may stand {}",
                    fmt::join(known, " ")));
  } else if (first[0] != '.') {
    if (open_scope_ == 0)
      return stray(line, "an element outside a subcircuit",
                   "put it between .subckt and .ends, or under `elements` in the bench; a title "
                   "begins with `*`");
    if (first[0] == 'x') line.text = without_net_brackets(std::move(line.text), 1);
    elements_.push_back({line, open_scope_, use_ == Use::kNetlist, lines_.size()});
  }
  lines_.push_back(std::move(line));
}

// Libraries with sizes in um scale them; every other option is the bench's affair.
bool Library::take_option(const CircuitLine& line, const std::vector<std::string>& words) {
  for (std::size_t k = 1; k < words.size(); ++k) {
    if (!words[k].starts_with("scale=")) {
      stray(line, fmt::format("the option `{}` may not be set by a library", words[k]),
            "options belong under `analysis` in the bench");
      return false;
    }
    const auto value = parse_quantity(unquoted(words[k].substr(6)), "");
    if (!value || !(*value > 0)) refuse_line(line, "`scale` must be a number greater than 0", "");
    if (!scale_place_.empty() && *value != scale_)
      refuse_line(line, "`scale` is set twice, and differently",
                  fmt::format("the other stands at {}", scale_place_));
    scale_ = *value;
    scale_place_ = line.place;
  }
  return true;
}

void Library::open_subcircuit(CircuitLine line) {
  if (lower(line.text).starts_with(".macro")) line.text.replace(0, 6, ".subckt");
  line.text = without_net_brackets(std::move(line.text), 2);
  const auto words = circuit_words(line.text);
  if (words.size() < 2) refuse_line(line, "a subcircuit needs a name", "");
  Subcircuit subcircuit{words[1], {}, {}, line.place, lines_.size(), lines_.size(), 0};
  std::size_t k = 2;
  for (; k < words.size() && words[k].find('=') == std::string::npos && words[k] != "params:" &&
         words[k] != "optional:";
       ++k)
    subcircuit.ports.push_back(words[k]);
  subcircuit.parameters = parameter_names(words, k);
  subcircuit.scope = static_cast<int>(scopes_.size());
  auto& known = scopes_[static_cast<std::size_t>(open_scope_)].subcircuits;
  Scope inner;
  inner.name = words[1];
  inner.parent = open_scope_;
  if (known.contains(words[1])) {
    inner.copy_from = lines_.size();
    inner.place = line.place;
  } else {
    known[words[1]] = subcircuit;
  }
  scopes_.push_back(inner);
  open_scope_ = subcircuit.scope;
  lines_.push_back(std::move(line));
}

void Library::close_subcircuit(const CircuitLine& line) {
  if (open_scope_ == 0) refuse_line(line, "closes a subcircuit, but none is open", "");
  const Scope& closed = scopes_[static_cast<std::size_t>(open_scope_)];
  open_scope_ = closed.parent;
  Subcircuit& known = scopes_[static_cast<std::size_t>(open_scope_)].subcircuits.at(closed.name);
  CircuitLine end = line;
  if (lower(line.text).starts_with(".eom")) end.text.replace(0, 4, ".ends");
  lines_.push_back(std::move(end));
  if (!closed.copy_from) {
    known.last_line = lines_.size() - 1;
    return;
  }
  // Said twice: the simulator keeps the first, which is right only where they are the same.
  const auto first = body(known);
  const std::span<const CircuitLine> second = std::span(lines_).subspan(*closed.copy_from);
  if (!std::equal(first.begin(), first.end(), second.begin(), second.end(),
                  [](const CircuitLine& a, const CircuitLine& b) { return a.text == b.text; }))
    throw Error({.place = closed.place,
                 .value = closed.name,
                 .rule = "is defined twice, and differently",
                 .remedy = fmt::format("the other stands at {}", known.place)});
  lines_.resize(*closed.copy_from);
  std::erase_if(elements_, [&](const Element& one) { return one.at >= lines_.size(); });
  std::erase_if(strays_, [&](const Stray& one) { return one.at >= lines_.size(); });
}

// A model that reads a file is a way out of the netlist.
void Library::check_reads_no_file(const CircuitLine& line, const std::string& type) const {
  const auto reads = file_parameter_of(type);
  if (!reads || permitted_.contains("source")) return;
  refuse_line(line, fmt::format("a `{}` reads a file (`{}`)", type, *reads),
              "take it out, or run with --allow source");
}

void Library::take_model(CircuitLine& line, const std::vector<std::string>& words) {
  if (words.size() < 3) refuse_line(line, "a model needs a name and a type", "");
  std::string type = words[2].substr(0, words[2].find('('));
  if (type.starts_with("ako:")) {
    if (!dialect_.pspice)
      return stray(line, "`ako:` is PSpice's, and nothing to the simulator's own dialect",
                   "set `ngbehavior: psa` in the bench");
    elements_.push_back({line, open_scope_, use_ == Use::kNetlist, lines_.size()});
    const std::size_t base = type.size() > 4 ? 2 : 3;
    type = words.size() > base + 1 ? words[base + 1].substr(0, words[base + 1].find('(')) : "";
    if (type.empty()) refuse_line(line, "an `ako:` model names its type as well", "");
  }
  const bool known_type = is_model_type(type, dialect_);
  if (!known_type) {
    const std::vector<std::string> known = model_types(dialect_);
    std::string remedy = suggest_remedy(type, known);
    if (type.ends_with("_va") || type.starts_with("psp") || type.starts_with("bsim"))
      remedy =
          "compiled Verilog-A models (OSDI) need a simulator that is built with them, which "
          "Debian's ngspice 39 is not";
    // Stands or falls with the card.
    stray(line, fmt::format("`{}` is no model type of this simulator", type), std::move(remedy));
    strays_.back().file.clear();
  }
  check_reads_no_file(line, type);
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

std::span<const CircuitLine> Library::body(const Subcircuit& subcircuit) const {
  if (subcircuit.first_line == kGone) return {};
  return std::span(lines_).subspan(subcircuit.first_line,
                                   subcircuit.last_line - subcircuit.first_line + 1);
}

std::vector<std::string> Library::model_names() const {
  std::vector<std::string> names;
  for (const auto& [name, type] : scopes_[0].models) names.push_back(name);
  return names;
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
