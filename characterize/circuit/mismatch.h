#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "characterize/circuit/netlist.h"

namespace gaincell::characterize {

// Pelgrom, Duinmaijer and Welbers, IEEE JSSC 24 (1989) 1433: the threshold voltages of a pair of
// equal devices differ with sigma A_VT/sqrt(W L), their current factors by A_beta/sqrt(W L). One
// device of the pair therefore strays with 1/sqrt(2) of that, and so it is drawn here.
struct PelgromRule {
  std::string model;             // model card, or a subcircuit that stands for one device
  bool inside = false;           // a subcircuit whose own transistors are drawn
  double a_vt_v_m = 0;           // A_VT
  double a_beta_m = 0;           // A_beta, as a part of beta
  std::string shift = "delvto";  // instance parameter that takes the threshold shift
  std::string gain = "mulu0";    // and the one that takes the factor of beta; "" = none
  std::string width = "w";       // instance parameters of the drawn size
  std::string length = "l";
};

// Gives every device that a rule names a draw of its own. The hierarchy stays, with its names: a
// subcircuit that holds such devices is written once for each of its instances, under a name of its
// own, and each device line in it carries its numbers. What a device draws follows from seed, draw
// and its path alone.
class MismatchWriter {
 public:
  // `parameters`: global ones that the deck sets behind those of the library.
  MismatchWriter(const Library& library, std::span<const PelgromRule> rules, std::uint64_t seed,
                 std::uint64_t draw, std::map<std::string, double> parameters = {});

  // An element line of the top level as it must stand in the deck. Throws Error where a device has
  // no size to draw from.
  std::string element(const CircuitLine& line);
  // The subcircuits that those lines now name.
  const std::string& definitions() const { return definitions_; }
  std::size_t devices() const { return devices_; }

 private:
  // What is known where a line stands.
  struct Place {
    std::string path;                      // of the subcircuit
    const PelgromRule* wrapped = nullptr;  // rule for every transistor in it
    bool multiplied = false;  // the simulator gives its devices the multiplier `m` of the instance
    std::map<std::string, double> numbers{};  // parameters, as far as they can be told
  };
  std::string expand(const CircuitLine& line, const Place& place);
  std::string drawn(const CircuitLine& line, const std::vector<std::string>& words,
                    const PelgromRule& rule, const std::string& path, const Place& place);
  std::string instance(const CircuitLine& line, std::vector<std::string> words,
                       const std::string& path, const Place& place);
  std::string area_of(const CircuitLine& line, const std::vector<std::string>& words,
                      const PelgromRule& rule, const Place& place) const;
  Place inside(const std::vector<std::string>& words, const Subcircuit& subcircuit,
               const std::string& path, const Place& place) const;
  const PelgromRule* rule_of(const std::string& name) const;
  const PelgromRule* rule_of_device(const std::vector<std::string>& words,
                                    const PelgromRule* wrapped) const;
  bool holds_device(const std::string& subcircuit, bool any);

  const Library& library_;
  std::span<const PelgromRule> rules_;
  std::uint64_t seed_;
  std::uint64_t draw_;
  std::string definitions_;
  std::size_t devices_ = 0;
  std::size_t copies_ = 0;
  std::map<std::pair<std::string, bool>, bool> holds_;
  std::map<std::string, double> globals_;
};

}  // namespace gaincell::characterize
