#pragma once

#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "characterize/circuit/netlist.h"

namespace gaincell::characterize {

// A net of a flat circuit and what hangs on it.
struct FlatNet {
  std::string name;           // as the simulator names it: "bl", "xdut.xp"
  int group = 0;              // nets with a path for direct current between them are of one group
  bool bulk = false;          // a transistor's bulk is on it
  bool driven = false;        // a current flows into it from a source of current
  bool capacitor = false;     // one is on it
  std::string first_element;  // one of those on it
  struct Pin {
    std::string element;
    std::string port;        // of an instance
    std::string subcircuit;  // the same
  };
  std::vector<Pin> pins;  // of the elements of the top level
};

// The nets and devices of a circuit whose subcircuits are put in place, without a simulator. What
// stands between .if and .endif counts in all of its branches, and a device that is not known here
// counts as a drive of all its nets, so that nothing is called loose which is not.
class Topology {
 public:
  // Elements of the top level over the library's subcircuits.
  Topology(const Library& library, std::span<const CircuitLine> lines);
  ~Topology();

  bool has_net(const std::string& name) const { return numbers_.contains(name); }
  bool has_device(const std::string& name) const { return devices_.contains(name); }
  const FlatNet& net(const std::string& name) const { return nets_[numbers_.at(name)]; }
  const std::vector<FlatNet>& nets() const { return nets_; }  // in the order of their appearance
  const std::set<std::string>& devices() const { return devices_; }
  // Of nets with a path for direct current to ground.
  int ground() const;
  // Elements of the top level that have the name of one before.
  const std::vector<CircuitLine>& repeated() const { return repeated_; }
  // Resistors, inductors and capacitors with both ends on one net, down to the first subcircuits.
  const std::vector<std::string>& shorted() const { return shorted_; }
  // Too large to be looked through: what is here is not all.
  bool cut_short() const { return cut_short_; }

 private:
  struct Definition;
  // Where an element stands.
  struct Place {
    std::string path;                          // "" on the top level, or "xdut.x1."
    std::map<std::string, std::size_t> ports;  // nets of the subcircuit that are others outside
    const Definition* inside = nullptr;
    int depth = 0;
  };
  const Definition* definition(const std::string& name, const Definition* from);
  void add(const CircuitLine& line, const std::vector<std::string>& words, const Place& place);
  void add_instance(const std::vector<std::string>& words, const Place& place);
  void add_transistor(const std::vector<std::string>& words, const Place& place);
  void add_controlled(const std::vector<std::string>& words, const Place& place);
  void add_watched(const std::string& element, const std::string& text, const Place& place);
  std::size_t nets_before_model(const std::vector<std::string>& words, std::size_t least,
                                std::size_t most, const Place& place) const;
  std::size_t number(const std::string& net, const Place& place);
  // The net of a word, with the element marked on it.
  std::size_t pin(const std::vector<std::string>& words, std::size_t word, const Place& place);
  void join(std::size_t a, std::size_t b);
  std::size_t root(std::size_t net);

  const Library& library_;
  std::set<std::string> global_;
  std::map<std::string, std::size_t> numbers_;
  std::vector<FlatNet> nets_;
  std::vector<std::size_t> parents_;
  std::set<std::string> devices_;
  std::vector<CircuitLine> repeated_;
  std::vector<std::string> shorted_;
  std::map<std::string, std::unique_ptr<Definition>>
      definitions_;  // of the library's top level, as they are met
  std::size_t elements_ = 0;
  bool cut_short_ = false;
};

}  // namespace gaincell::characterize
