#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "characterize/circuit/netlist_text.h"

// Circuit text: read, screened and checked before any simulator sees it. ngspice runs `.control`
// blocks, `*#` lines and includes of any path with the user's rights, accepts a subcircuit
// parameter that nobody declared, and says of a missing model only that a circuit was not parsed.
namespace gaincell::characterize {

// What a user may let a netlist do (`--allow`), since a netlist can be a program. A worker gets the
// rights that go with it.
inline constexpr std::array<std::string_view, 5> kPermissions{"control", "shell", "source",
                                                              "codemodel", "write"};

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
  int scope = 0;  // of what stands inside it
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

  // How the simulator will read it; before anything is added.
  void speak(const Dialect& dialect) { dialect_ = dialect; }
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
  // reads a whole process library for every circuit is busy with nothing else. Lines of a library
  // that are no circuit text become warnings where nothing around them is needed, else an Error.
  void prune(std::string_view text);

  // Throws Error where an element names a model or subcircuit that is not defined, gives a
  // subcircuit the wrong number of nets or a parameter that it does not declare.
  void check();
  // The same for element lines of a bench.
  void check_elements(const std::vector<CircuitLine>& lines) const;

  const Subcircuit* subcircuit(const std::string& name) const;
  std::vector<std::string> subcircuit_names() const;
  bool has_model(const std::string& name) const { return has_model(name, 0); }
  // Also where it stands inside a subcircuit.
  bool has_inner_model(const std::string& name) const;
  std::vector<std::string> model_names() const;
  // Its lines, from .subckt to .ends; of one that is defined on the top level.
  std::span<const CircuitLine> body(const Subcircuit& subcircuit) const;
  const std::vector<CircuitLine>& lines() const { return lines_; }
  // Where something in it is drawn by the simulator (agauss and the like): it needs a seed. Known
  // after check().
  bool draws() const { return draws_; }
  // Whether the simulator needs its code models (XSPICE) for it.
  bool needs_code_models() const;
  // Of `.option scale`, the metres that a width or length of 1 stands for; 1 without it.
  double scale() const { return scale_; }
  const Dialect& dialect() const { return dialect_; }
  // Lines that were left out and what else is allowed but probably not meant.
  const std::vector<std::string>& warnings() const { return warnings_; }
  const std::vector<SourceFile>& files() const { return files_; }
  std::string text() const;  // the lines, one each

 private:
  struct Scope {
    std::map<std::string, Subcircuit> subcircuits;
    std::map<std::string, std::string> models;  // name -> type
    std::string name;
    int parent = -1;
    // Of a subcircuit that is defined a second time: its first line, and where that stands.
    std::optional<std::size_t> copy_from{};
    std::string place{};
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
  // A line of a library that is no circuit text here.
  struct Stray {
    Error error;
    std::size_t at;    // the line of the library that it stands or falls with
    std::string file;  // on the top level: any line of this file; "" inside a subcircuit
  };
  void read(const std::filesystem::path& file, const std::string& section,
            const std::string& named_at, int depth);
  void read_lines(const std::string& text, const std::filesystem::path& file,
                  const std::string& section, const std::string& named_at, int depth);
  void take(CircuitLine line, const std::filesystem::path& file, int depth);
  void take_control(CircuitLine line, const std::string& command);
  void take_call(const CircuitLine& line, const std::vector<std::string>& words,
                 const std::filesystem::path& file, int depth);
  bool take_option(const CircuitLine& line, const std::vector<std::string>& words);
  void open_subcircuit(CircuitLine line);
  void close_subcircuit(const CircuitLine& line);
  void take_model(CircuitLine& line, const std::vector<std::string>& words);
  void check_reads_no_file(const CircuitLine& line, const std::string& type) const;
  void stray(const CircuitLine& line, std::string rule, std::string remedy);
  void settle_strays(const std::vector<Unit>& all, const std::vector<bool>& kept);
  std::vector<Unit> units() const;
  void check_element(const CircuitLine& line, int scope) const;
  void check_instance(const CircuitLine& line, const std::vector<std::string>& words,
                      int scope) const;
  void check_multiplier_arrives(const CircuitLine& line,
                                const std::vector<std::string>& words) const;
  void find_unmultiplied();
  void check_modelled(const CircuitLine& line, const std::vector<std::string>& words,
                      int scope) const;
  void check_circles() const;
  void warn_of_lost_multipliers();
  const Subcircuit* find_subcircuit(const std::string& name, int scope) const;
  bool has_model(const std::string& name, int scope) const;

  std::vector<std::filesystem::path> roots_;
  std::set<std::string> ignored_parameters_;
  std::set<std::string> permitted_;
  Dialect dialect_;
  bool in_control_ = false;
  Use use_ = Use::kNetlist;
  std::vector<CircuitLine> lines_;
  std::vector<SourceFile> files_;
  std::vector<Scope> scopes_{Scope{}};
  std::vector<Element> elements_;
  std::vector<Stray> strays_;
  std::vector<std::string> warnings_;
  std::string file_;                         // that is being read
  std::map<int, std::string> unmultiplied_;  // scope -> an instance in it that has no multiplier
  bool draws_ = false;
  double scale_ = 1;
  std::string scale_place_;
  int open_scope_ = 0;
  mutable std::unordered_set<std::string> checked_;  // lines of check_elements() that are right
};

}  // namespace gaincell::characterize
