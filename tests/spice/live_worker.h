#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <initializer_list>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "characterize/job/protocol.h"
#include "characterize/pool/child.h"

namespace gaincell::characterize {

// A real worker that has confined itself and waits for a job, made to do the system calls that a
// netlist which had taken it over would do: a debugger puts them in (x86-64).
class LiveWorker {
 public:
  LiveWorker(const std::filesystem::path& program, const std::filesystem::path& folder,
             const std::vector<std::string>& allow)
      : child_(program, folder, words(allow)), pid_(child_.pid()) {
    FrameBuffer frames;
    for (bool open = true; open;) {
      pollfd fd{child_.reply_fd(), POLLIN, 0};
      ::poll(&fd, 1, 30'000);
      frames.add(read_available(child_.reply_fd(), open));
      if (const auto frame = frames.next()) {
        unconfined_ = decode_hello(frame->payload).unconfined;
        break;
      }
    }
    // It may not yet have reached the call in which it waits.
    for (int attempt = 0; !attach(); ++attempt) {
      if (attempt == 100) throw std::runtime_error("the worker does not wait for a job");
      ::usleep(20'000);
    }
  }
  ~LiveWorker() {
    ::ptrace(PTRACE_SETREGS, pid_, nullptr, &waiting_);
    ::ptrace(PTRACE_DETACH, pid_, nullptr, nullptr);
  }
  LiveWorker(const LiveWorker&) = delete;
  LiveWorker& operator=(const LiveWorker&) = delete;

  pid_t pid() const { return pid_; }
  const std::string& unconfined() const { return unconfined_; }

  // What the call returns: -errno where it fails.
  long call(long number, std::initializer_list<unsigned long> arguments = {}) {
    user_regs_struct registers = waiting_;
    registers.rip -= 2;  // the instruction `syscall`
    registers.orig_rax = ~0ul;
    registers.rax = static_cast<unsigned long>(number);
    const std::vector<unsigned long> a(arguments);
    unsigned long long* const places[] = {&registers.rdi, &registers.rsi, &registers.rdx,
                                          &registers.r10, &registers.r8,  &registers.r9};
    for (std::size_t k = 0; k < std::size(places); ++k) *places[k] = k < a.size() ? a[k] : 0;
    ::ptrace(PTRACE_SETREGS, pid_, nullptr, &registers);
    ::ptrace(PTRACE_SINGLESTEP, pid_, nullptr, nullptr);
    int status = 0;
    if (::waitpid(pid_, &status, 0) != pid_ || !WIFSTOPPED(status))
      throw std::runtime_error("the worker died of the call");
    ::ptrace(PTRACE_GETREGS, pid_, nullptr, &registers);
    return static_cast<long>(registers.rax);
  }
  // The bytes somewhere in its memory.
  unsigned long put(const std::string& bytes) {
    const unsigned long at = waiting_.rsp - 4096;
    const int memory = ::open(("/proc/" + std::to_string(pid_) + "/mem").c_str(), O_WRONLY);
    const ssize_t written =
        ::pwrite(memory, bytes.c_str(), bytes.size() + 1, static_cast<off_t>(at));
    ::close(memory);
    if (written < 0) throw std::runtime_error("the worker's memory cannot be written");
    return at;
  }
  std::set<std::string> descriptors() const {
    std::set<std::string> all;
    for (const auto& entry :
         std::filesystem::directory_iterator("/proc/" + std::to_string(pid_) + "/fd"))
      all.insert(entry.path().filename().string());
    return all;
  }

 private:
  static std::vector<std::string> words(std::vector<std::string> allow) {
    allow.insert(allow.begin(), std::to_string(std::size_t{1} << 30));
    return allow;
  }
  bool attach() {
    if (::ptrace(PTRACE_ATTACH, pid_, nullptr, nullptr) != 0)
      throw std::runtime_error("no right to look into a process of our own");
    int status = 0;
    ::waitpid(pid_, &status, 0);
    ::ptrace(PTRACE_GETREGS, pid_, nullptr, &waiting_);
    const long code = ::ptrace(PTRACE_PEEKTEXT, pid_, waiting_.rip - 2, nullptr);
    if ((code & 0xffff) == 0x050f && waiting_.orig_rax == 0 && waiting_.rdi == kCommandFd)
      return true;
    ::ptrace(PTRACE_DETACH, pid_, nullptr, nullptr);
    return false;
  }

  Child child_;
  pid_t pid_;
  std::string unconfined_;
  user_regs_struct waiting_{};
};

}  // namespace gaincell::characterize
