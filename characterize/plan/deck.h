#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "characterize/bench/bench.h"
#include "characterize/job/job.h"
#include "characterize/plan/evaluation.h"

namespace gaincell::characterize {

// The circuit of a deck, which stands after its head: the parameters of the models, the instance of
// the subcircuit, the bench's elements, each device with its draw. Plain numbers only. Where
// nothing that it is made of has changed, it is the same text in memory.
class CircuitTexts {
 public:
  // `made`: whether it is new.
  std::shared_ptr<const DeckHead> of(const Evaluation& at, bool& made);

 private:
  std::set<std::string> names_;  // of the numbers in it
  std::map<std::vector<std::uint64_t>, std::shared_ptr<const DeckHead>> known_;
};

// The part of a deck after its circuit; plain numbers only, so the deck is all that a simulation
// follows from. With `nested` the sweeps of a dc analysis run inside the simulator, and `at` is
// within them; otherwise it is one operating point.
struct DeckBody {
  std::string text;
  Proof proof;
};
struct DeckRequest {
  const Analysis& analysis;
  bool nested = false;
  bool noise_of_devices = false;  // keep it even where nothing of the bench reads it
};
DeckBody deck_body(const Evaluation& at, const DeckRequest& request);

// The circuit at a point: the instance of the subcircuit and the bench's elements, as they are
// without mismatch.
std::vector<CircuitLine> circuit_lines(const Evaluation& at);

// One source element of the circuit.
struct BenchSource {
  std::string name;     // "en3"
  std::string element;  // "ven3"
  std::string net, reference;
  Where where;
};
std::vector<BenchSource> bench_sources(const Evaluation& at);

// Models and netlist of a corner.
DeckHead deck_head(const Corner& corner);
std::string option_line(const Options& options);

}  // namespace gaincell::characterize
