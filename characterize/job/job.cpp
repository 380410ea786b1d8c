#include "characterize/job/job.h"

#include <fmt/format.h>

#include "base/sha256.h"
#include "characterize/job/protocol.h"
#include "characterize/job/wire.h"

namespace gaincell::characterize {

std::string Job::deck(bool aided) const {
  std::string text = title + "\n" + head->text + (circuit ? circuit->text : "") + body;
  if (aided && aids) text += *aids;
  return text + ".end\n";
}

std::string Job::key() const {
  ByteWriter out;
  out.u32(kProtocolVersion).text(head->sha256).text(title);
  out.text(circuit ? circuit->sha256 : "").text(body).text(aids ? *aids : "");
  out.u64(waveforms.size());
  for (const std::string& signal : waveforms) out.text(signal);
  out.text(behaviour);
  return sha256(out.bytes() + encode(proof, calls));
}

std::string memory_reason(std::size_t limit_bytes) {
  return fmt::format("needed more than {} MiB of memory", limit_bytes >> 20);
}

const char* name_of(JobFailure::Why why) {
  switch (why) {
    case JobFailure::Why::kNotRun:
      return "not run";
    case JobFailure::Why::kNoConvergence:
      return "no convergence";
    case JobFailure::Why::kRefused:
      return "refused by the simulator";
    case JobFailure::Why::kTimeout:
      return "time limit";
    case JobFailure::Why::kMemory:
      return "memory limit";
    case JobFailure::Why::kCrash:
      return "crash";
    case JobFailure::Why::kBadReply:
      return "bad reply";
  }
  return "";
}

}  // namespace gaincell::characterize
