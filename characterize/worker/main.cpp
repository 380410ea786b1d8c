// One simulator in one process. The parent speaks over kCommandFd and kReplyFd; stdout and stderr
// are a log. Ends when the parent closes its end, or dies.
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/version.h"
#include "characterize/job/protocol.h"
#include "characterize/job/wire.h"
#include "characterize/worker/code_model_files.h"
#include "characterize/worker/sandbox.h"
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

int serve(const sandbox::Rights& rights, bool code_models) {
  // ngspice runs the .spiceinit of its folder or else that of the user's home, whatever HOME says.
  std::ofstream start_up(".spiceinit");
  start_up << "* nothing\n" << std::flush;
  if (!start_up) throw std::runtime_error("its folder has no room for a file");
  start_up.close();
  const auto opened = code_models ? open_code_models() : std::vector<std::string>{};
  std::string unconfined = sandbox::confine_files(rights);
  Session session(opened, code_models);
  const std::string more = sandbox::confine_calls(rights);
  if (!more.empty()) unconfined += (unconfined.empty() ? "" : " and ") + more;
  const Hello hello{kProtocolVersion, kVersion, Session::ngspice_version(), unconfined};
  if (!write_all(encode_frame(FrameType::kHello, encode(hello)))) return 0;
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
      const RunMessage job = decode_run(frame->payload);
      sandbox::limit_cpu(job.cpu_limit_s);
      const JobResult result = session.run(job);
      const bool last = !session.usable();
      if (!write_all(encode_frame(FrameType::kReply, encode(result, last)))) return 0;
      // The library cannot be used again; not even its own exit handlers.
      if (last) std::_Exit(0);
    }
  }
}

// `gaincell-worker MEMORY_BYTES [RIGHT...] [code-models]`, as the parent starts it.
sandbox::Rights rights_of(std::span<char*> words) {
  sandbox::Rights rights;
  if (words.size() > 1) rights.memory_bytes = std::strtoull(words[1], nullptr, 10);
  for (const std::string_view word : words.subspan(std::min<std::size_t>(words.size(), 2))) {
    if (word == "source" || word == "codemodel") rights.read = true;
    if (word == "write") rights.write = true;
    if (word == "shell") rights.run = true;
  }
  return rights;
}

}  // namespace
}  // namespace gaincell::characterize

int main(int argc, char** argv) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGINT, SIG_IGN);  // Ctrl-C is the parent's affair
  try {
    const std::span words(argv, static_cast<std::size_t>(argc));
    const bool code_models = argc > 2 && std::string_view(words.back()) == "code-models";
    const int code =
        gaincell::characterize::serve(gaincell::characterize::rights_of(words), code_models);
    std::fflush(nullptr);
    std::_Exit(code);
  } catch (const std::exception& error) {
    fmt::print(stderr, "gaincell-worker: {}\n", error.what());
    std::fflush(nullptr);
    std::_Exit(3);
  }
}
