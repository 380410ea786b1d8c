#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

// Circuit text: read, screened and checked before any simulator sees it. ngspice runs `.control`
// blocks, `*#` lines and includes of any path with the user's rights, accepts a subcircuit
// parameter that nobody declared, and says of a missing model only that a circuit was not parsed.
namespace gaincell::characterize {

// What a user may let a netlist do (`--allow`), since a netlist can be a program. A worker gets the
// rights that go with it.
inline constexpr std::array<std::string_view, 5> kPermissions{"control", "shell", "source",
                                                              "codemodel", "write"};

// One logical line: continuations joined, comments gone.
struct CircuitLine {
  std::string text;
  std::string place;  // file:line where it begins
};

// A file that went into a deck.
struct SourceFile {
  std::string path;  // as named in the bench or include
  std::string sha256;
};

struct Subcircuit {
  std::string name;
  std::vector<std::string> ports;
  std::vector<std::string> parameters;
  std::string place;
  std::size_t first_line = 0;  // .subckt and .ends among the lines of the library
  std::size_t last_line = 0;
};

// The text that goes ahead of every deck of a bench, and what it defines. Names are lower-case.
class Library {
 public:
  // `root`: includes may lead to files below this folder and below the folders of the files added,
  // nowhere else.
  explicit Library(std::filesystem::path root) : roots_{std::move(root)} {}

  // A process library may hold much that no circuit of this bench needs, and that is not looked
  // into; a netlist must be right in all of its parts.
  enum class Use { kModels, kNetlist };

  // Includes may also lead below this folder.
  void allow(const std::filesystem::path& folder) { roots_.push_back(folder); }
  // Parameters that are taken out of every `.model` card: cards written for other simulators carry
  // some that this one does not know, and what it does not know it refuses.
  void ignore_parameters(std::set<std::string> names) { ignored_parameters_ = std::move(names); }

  // What a netlist may hold beyond circuit text, by the names of kPermissions: a control block, and
  // in it the commands of these names.
  void permit(std::set<std::string> names) { permitted_ = std::move(names); }

  // Adds a file and what it includes. With a section, only that `.lib section` of it. Throws Error
  // for what is not circuit text: control blocks, analyses, elements outside a subcircuit, includes
  // elsewhere.
  void add(const std::filesystem::path& file, const std::string& section,
           const std::string& named_at, Use use = Use::kNetlist);
  // The same with the text at hand, which includes nothing.
  void add_text(const std::string& text, const std::string& name);

  // Leaves only what the words of `text` need, directly or through one another: a simulator that
  // reads a whole process library for every circuit is busy with nothing else.
  void prune(std::string_view text);

  // Throws Error where an element names a model or subcircuit that is not defined, gives a
  // subcircuit the wrong number of nets or a parameter that it does not declare.
  void check() const;
  // The same for element lines of a bench.
  void check_elements(const std::vector<CircuitLine>& lines) const;

  const Subcircuit* subcircuit(const std::string& name) const;
  std::vector<std::string> subcircuit_names() const;
  bool has_model(const std::string& name) const { return has_model(name, 0); }
  std::vector<std::string> model_names() const;
  // Its lines, from .subckt to .ends; of one that is defined on the top level.
  std::span<const CircuitLine> body(const Subcircuit& subcircuit) const;
  const std::vector<CircuitLine>& lines() const { return lines_; }
  // Where something in it is drawn by the simulator (agauss and the like): it needs a seed.
  bool draws() const;
  const std::vector<SourceFile>& files() const { return files_; }
  std::string text() const;  // the lines, one each

 private:
  struct Scope {
    std::map<std::string, Subcircuit> subcircuits;
    std::map<std::string, std::string> models;  // name -> type
    std::string name;
    int parent = -1;
  };
  struct Element {
    CircuitLine line;
    int scope;
    bool strict;     // of a netlist
    std::size_t at;  // among the lines
  };
  // What is kept or left out as a whole: a subcircuit, a card, a line of parameters.
  struct Unit {
    std::size_t first, last;
    std::vector<std::string> names;  // that it defines; empty = always kept
  };
  void read(const std::filesystem::path& file, const std::string& section,
            const std::string& named_at, int depth);
  void read_lines(const std::string& text, const std::filesystem::path& file,
                  const std::string& section, const std::string& named_at, int depth);
  void take(CircuitLine line, const std::filesystem::path& file, int depth);
  void take_control(CircuitLine line, const std::string& command);
  void open_subcircuit(const CircuitLine& line, const std::vector<std::string>& words);
  void take_model(CircuitLine& line, const std::vector<std::string>& words);
  std::vector<Unit> units() const;
  void check_element(const CircuitLine& line, int scope) const;
  const Subcircuit* find_subcircuit(const std::string& name, int scope) const;
  bool has_model(const std::string& name, int scope) const;

  std::vector<std::filesystem::path> roots_;
  std::set<std::string> ignored_parameters_;
  std::set<std::string> permitted_;
  bool in_control_ = false;
  Use use_ = Use::kNetlist;
  std::vector<CircuitLine> lines_;
  std::vector<SourceFile> files_;
  std::vector<Scope> scopes_{Scope{}};
  std::vector<Element> elements_;
  int open_scope_ = 0;
  mutable std::unordered_set<std::string> checked_;  // lines of check_elements() that are right
};

// Joins continuations, drops comments. Throws Error for characters that no netlist holds.
std::vector<CircuitLine> logical_lines(std::string_view text, const std::string& file);

// Words of an element or card, lower-case; "w = {2 * x}" becomes "w={2 * x}".
std::vector<std::string> circuit_words(std::string_view line);

}  // namespace gaincell::characterize
