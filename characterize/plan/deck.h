#pragma once

#include <string>

#include "characterize/bench/bench.h"
#include "characterize/job/job.h"
#include "characterize/plan/evaluation.h"

namespace gaincell::characterize {

// The part of a deck after its head, at a point; plain numbers only, so the deck is all that a
// simulation follows from. With `nested` the sweeps of a dc analysis run inside the simulator,
// otherwise it is one operating point.
struct DeckBody {
  std::string text;
  Proof proof;
};
struct DeckRequest {
  const Analysis& analysis;
  bool nested = false;
};
DeckBody deck_body(const Evaluation& point, const DeckRequest& request);

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
