#pragma once

#include <cstdint>
#include <string>

#include "characterize/bench.h"
#include "characterize/job.h"

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

// Models and netlist of a corner.
DeckHead deck_head(const Corner& corner);
std::string option_line(const Options& options);

}  // namespace gaincell::characterize
