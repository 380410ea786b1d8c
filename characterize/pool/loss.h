#pragma once

#include <cstddef>
#include <string>
#include <variant>

#include "characterize/job/job.h"
#include "characterize/job/protocol.h"
#include "characterize/pool/child.h"
#include "characterize/pool/worker_link.h"

// Why a worker is lost.
namespace gaincell::characterize {

struct Died {
  End end;
};
// The kernel ended it at what the shell allows a process (ulimit -t).
struct OutOfProcessorTime {
  double limit_s;
};
struct FloodedLog {};
struct OtherVersion {
  Hello hello;
};
struct NoHello {};
// Its running job went beyond a limit, and it goes with it.
struct TookTooLong {
  double limit_s;
};
struct GrewTooLarge {
  std::size_t limit_bytes;
};

using Loss = std::variant<Died, OutOfProcessorTime, FloodedLog, Nonsense, OtherVersion, NoHello,
                          TookTooLong, GrewTooLarge>;

// One line for people and the samples file.
std::string wording(const Loss& loss);
// What it means for the job that was running.
JobFailure::Why why(const Loss& loss);
// The running job is known to be the cause: what is left is to run it with its aids.
bool of_its_job(const Loss& loss);
// Nobody knows the cause: someone killed it (signal 9), which says nothing about the job.
bool killed_from_outside(const Loss& loss);

}  // namespace gaincell::characterize
