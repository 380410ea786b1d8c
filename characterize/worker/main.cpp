// One simulator in one process. The parent speaks over kCommandFd and kReplyFd; stdout and stderr
// are a log. Ends when the parent closes its end, or dies.
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/version.h"
#include "characterize/protocol.h"
#include "characterize/wire.h"
#include "characterize/worker/session.h"

namespace gaincell::characterize {
namespace {

bool write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(kReplyFd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

int serve() {
  Session session;
  if (!write_all(encode_frame(FrameType::kHello, encode(Hello{kProtocolVersion, kVersion,
                                                              Session::ngspice_version()}))))
    return 0;
  FrameBuffer frames;
  std::string chunk(std::size_t{1} << 16, '\0');
  while (true) {
    const ssize_t got = ::read(kCommandFd, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return 0;
    frames.add(std::string_view(chunk).substr(0, static_cast<std::size_t>(got)));
    while (auto frame = frames.next()) {
      if (frame->type == FrameType::kHead) {
        session.set_head(decode_head(frame->payload));
        continue;
      }
      if (frame->type != FrameType::kRun) throw BadBytes("is a frame that a worker does not get");
      const JobResult result = session.run(decode_run(frame->payload));
      const bool last = !session.usable();
      if (!write_all(encode_frame(FrameType::kReply, encode(result, last)))) return 0;
      // The library cannot be used again; not even its own exit handlers.
      if (last) std::_Exit(0);
    }
  }
}

}  // namespace
}  // namespace gaincell::characterize

int main() {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGINT, SIG_IGN);  // Ctrl-C is the parent's affair
  try {
    const int code = gaincell::characterize::serve();
    std::fflush(nullptr);
    std::_Exit(code);
  } catch (const std::exception& error) {
    fmt::print(stderr, "gaincell-worker: {}\n", error.what());
    std::fflush(nullptr);
    std::_Exit(3);
  }
}
