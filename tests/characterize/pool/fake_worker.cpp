// A worker without a simulator, for the tests of the pool. Its behaviour is the name it was started
// by; the job that it misbehaves on is number 3. "once" behaviours leave a mark beside the program.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/version.h"
#include "characterize/job/protocol.h"

using namespace gaincell::characterize;

namespace {

void send(const std::string& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t some = ::write(kReplyFd, bytes.data() + sent, bytes.size() - sent);
    if (some <= 0) std::_Exit(0);
    sent += static_cast<std::size_t>(some);
  }
}

JobResult result_of(const RunMessage& job) {
  JobResult result;
  result.id = job.id;
  result.ok = true;
  result.values.assign(job.calls.size(), static_cast<double>(job.id) * 10);
  result.reasons.assign(job.calls.size(), "");
  return result;
}

// Of one worker alone, also where two ask at a time.
bool first_time(const std::string& program) {
  const std::string mark = program + ".mark";
  return ::open(mark.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600) >= 0;
}

void misbehave(const std::string& how, const std::string& program, const RunMessage& job) {
  const bool aided = job.body.find("method=gear") != std::string::npos;
  if (how == "hang" || (how == "hang_unaided" && !aided)) {
    ::signal(SIGTERM, SIG_IGN);
    while (true) ::pause();
  }
  if (how == "crash" || (how == "crash_once" && first_time(program))) {
    fmt::print(stderr, "last words\n");
    std::abort();
  }
  // As a real one does: what it printed for its current job stands behind the mark.
  if (how == "marked") {
    fmt::print(stderr, "of an earlier job\n{}of this job\n", kLogMark);
    std::abort();
  }
  if (how == "deaf") {
    ::close(kCommandFd);
    ::pause();
  }
  if (how == "exit") std::_Exit(7);
  if (how == "killed") ::raise(SIGKILL);
  if (how == "out_of_time") ::raise(SIGXCPU);
  if (how == "last") {
    send(encode_frame(FrameType::kReply, encode(result_of(job), true)));
    std::_Exit(0);
  }
  if (how == "garbage") send("this is no frame at all, and long enough to be one");
  if (how == "wrong_checksum") {
    std::string frame = encode_frame(FrameType::kReply, encode(result_of(job), false));
    frame.back() = static_cast<char>(frame.back() ^ 1);
    send(frame);
  }
  if (how == "flood") {
    const std::string line(1 << 16, 'x');
    while (true) (void)!::write(2, line.data(), line.size());
  }
  if (how == "spin") {
    for (volatile bool on = true; on;) {
    }
  }
  // Memory that is there, as fast as a loop can touch it.
  if (how == "hog") {
    std::vector<std::string> held;
    while (true) held.emplace_back(std::size_t{1} << 20, 'x');
  }
  if (how == "wrong_id") {
    JobResult result = result_of(job);
    result.id += 1000;
    send(encode_frame(FrameType::kReply, encode(result, false)));
  }
  if (how == "no_convergence" || (how == "needs_aids" && !aided)) {
    JobResult result;
    result.id = job.id;
    result.failure = {JobFailure::Why::kNoConvergence, "timestep too small", "log"};
    send(encode_frame(FrameType::kReply, encode(result, false)));
  }
}

}  // namespace

int main(int, char** argv) {
  const std::string program = argv[0];
  const std::string how = std::filesystem::path(program).filename().string();
  if (how == "silent") ::pause();
  Hello hello{kProtocolVersion, gaincell::kVersion, "fake", ""};
  if (how == "wrong_version" || (how == "wrong_version_once" && first_time(program)))
    hello.protocol = 999;
  if (how == "other_program") hello.program_version = "0.0.0";
  if (how == "other_simulator" && !first_time(program)) hello.ngspice_version = "another";
  if (how == "no_hello") send("this is no frame at all, and long enough to be one");
  send(encode_frame(FrameType::kHello, encode(hello)));
  std::vector<std::string> leaked;
  FrameBuffer frames;
  std::string chunk(65536, '\0');
  while (true) {
    const ssize_t got = ::read(kCommandFd, chunk.data(), chunk.size());
    if (got <= 0) return 0;
    frames.add(std::string_view(chunk).substr(0, static_cast<std::size_t>(got)));
    while (auto frame = frames.next()) {
      if (frame->type != FrameType::kRun) continue;
      const RunMessage job = decode_run(frame->payload);
      if (job.id == 3) misbehave(how, program, job);
      if (how == "leak") leaked.emplace_back(std::size_t{1} << 20, 'x');
      const bool replied =
          job.id == 3 &&
          (how == "no_convergence" ||
           (how == "needs_aids" && job.body.find("method=gear") == std::string::npos));
      if (!replied) send(encode_frame(FrameType::kReply, encode(result_of(job), false)));
    }
  }
}
