#pragma once

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
DeckBody deck_body(Bench& bench, bool nested);

DeckHead deck_head(const Bench& bench);
std::string option_line(const Options& options);

}  // namespace gaincell::characterize
