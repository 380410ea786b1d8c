#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "characterize/analysis/analysis.h"
#include "characterize/measure/measure.h"

namespace gaincell::characterize {

// Text that many decks have in common: models and netlist, with which they begin and which is sent
// to a worker once; the circuit behind it.
struct DeckHead {
  std::string text;
  std::string sha256;
};

// One simulation: one deck, run once, and what is read off its waveforms.
struct Job {
  std::uint64_t id = 0;
  std::shared_ptr<const DeckHead> head;
  std::string title;                        // first line of the deck
  std::shared_ptr<const DeckHead> circuit;  // after the head; may be left out
  std::string body;                         // after the circuit, without `.end`
  std::shared_ptr<const std::string> aids;  // lines added to the body when it is run again
  Proof proof;
  std::vector<MeasureCall> calls;
  std::vector<std::string> waveforms;  // signals that come back whole, behind the scale
  std::string behaviour;               // the simulator's compatibility mode
  bool code_models = false;            // the simulator must have loaded its code models
  double timeout_s = 60;
  std::size_t memory_bytes = 0;  // of the worker that runs it; 0 = the pool's limit

  // The whole deck as a file for plain `ngspice -b`.
  std::string deck(bool aided) const;
  // What the result follows from, apart from the simulator's version: equal keys, equal results.
  std::string key() const;
};

struct JobFailure {
  enum class Why { kNotRun, kNoConvergence, kRefused, kTimeout, kMemory, kCrash, kBadReply };
  Why why = Why::kNotRun;
  std::string reason;    // one line
  std::string log_tail;  // last lines that the simulator printed; of a good run only with waveforms
};

struct JobResult {
  std::uint64_t id = 0;
  bool ok = false;
  bool aided = false;  // needed the convergence aids
  JobFailure failure;  // where not ok
  // One a call; where not `measured`, `reasons` says why there is no number.
  std::vector<double> values;
  std::vector<std::string> reasons;            // "" = measured
  std::vector<std::vector<double>> waveforms;  // the scale, then one a signal
  double simulator_s = 0;   // the simulator's own time; not part of any result file
  std::uint64_t steps = 0;  // points on the scale
};

// "needed more than 512 MiB of memory".
std::string memory_reason(std::size_t limit_bytes);

const char* name_of(JobFailure::Why why);

}  // namespace gaincell::characterize
