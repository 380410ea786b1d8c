#pragma once

#include <cstdint>
#include <string>

#include "characterize/bench/bench.h"
#include "characterize/job/job.h"

namespace gaincell::characterize {

// The part of a deck after its head, for the values that the bench's scope holds now; plain numbers
// only, so the deck is all that a simulation follows from. With `nested` the sweeps of a dc
// analysis run inside the simulator, otherwise it is one operating point.
struct DeckBody {
  std::string text;
  Proof proof;
};
struct DeckRequest {
  const Analysis& analysis;
  bool nested = false;
  std::uint64_t draw = 0;
};
DeckBody deck_body(Bench& bench, const DeckRequest& request);

// The circuit for the values that the scope holds now: the instance of the subcircuit and the
// bench's elements, as they are without mismatch.
std::vector<CircuitLine> circuit_lines(Bench& bench);

// One source element of the circuit.
struct BenchSource {
  std::string name;     // "en3"
  std::string element;  // "ven3"
  std::string net, reference;
  Where where;
};
std::vector<BenchSource> bench_sources(Bench& bench);

// Models and netlist of a corner.
DeckHead deck_head(const Corner& corner);
std::string option_line(const Options& options);

}  // namespace gaincell::characterize
