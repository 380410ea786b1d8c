#include "characterize/pool/loss.h"

#include <fmt/format.h>
#include <signal.h>

#include "base/version.h"

namespace gaincell::characterize {
namespace {

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

std::string wording_of(const End& end) {
  return end.signal != 0 ? fmt::format("signal {}", end.signal)
                         : fmt::format("exit {}", end.exit_code);
}

}  // namespace

std::string wording(const Loss& loss) {
  return std::visit(
      Overloaded{
          [](const Died& died) {
            return fmt::format("the worker died ({})", wording_of(died.end));
          },
          [](const OutOfProcessorTime& out) {
            return fmt::format(
                "the worker used the {} s of processor time that this shell allows a process "
                "(ulimit -t)",
                out.limit_s);
          },
          [](const FloodedLog&) { return std::string("the worker flooded its log"); },
          [](const Nonsense& sent) { return fmt::format("what the worker sent {}", sent.what); },
          [](const OtherVersion& other) {
            return fmt::format(
                "the worker is of another version (program {}, protocol {}; ours {}, {})",
                other.hello.program_version, other.hello.protocol, kVersion, kProtocolVersion);
          },
          [](const NoHello&) { return std::string("the worker did not say hello"); },
          [](const TookTooLong& took) {
            return fmt::format("took longer than {} s", took.limit_s);
          },
          [](const GrewTooLarge& grew) { return memory_reason(grew.limit_bytes); }},
      loss);
}

JobFailure::Why why(const Loss& loss) {
  using Why = JobFailure::Why;
  return std::visit(Overloaded{[](const Died&) { return Why::kCrash; },
                               [](const OutOfProcessorTime&) { return Why::kTimeout; },
                               [](const FloodedLog&) { return Why::kBadReply; },
                               [](const Nonsense&) { return Why::kBadReply; },
                               [](const OtherVersion&) { return Why::kBadReply; },
                               [](const NoHello&) { return Why::kTimeout; },
                               [](const TookTooLong&) { return Why::kTimeout; },
                               [](const GrewTooLarge&) { return Why::kMemory; }},
                    loss);
}

bool of_its_job(const Loss& loss) {
  return std::holds_alternative<TookTooLong>(loss) || std::holds_alternative<GrewTooLarge>(loss);
}

bool killed_from_outside(const Loss& loss) {
  const Died* died = std::get_if<Died>(&loss);
  return died != nullptr && died->end.signal == SIGKILL;
}

}  // namespace gaincell::characterize
