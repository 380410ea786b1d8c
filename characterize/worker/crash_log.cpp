#include "characterize/worker/crash_log.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "characterize/job/protocol.h"

namespace gaincell::characterize::crash_log {
namespace {

// A ring; plain memory, since a signal handler may touch nothing else.
std::array<char, 8192> ring;
volatile std::size_t written = 0;  // bytes in all; the ring holds the last of them

void put(char c) {
  ring[written % ring.size()] = c;
  written = written + 1;
}

void on_signal(int number) {
  (void)!::write(STDERR_FILENO, &kLogMark, 1);
  const std::size_t total = written;
  const std::size_t begin = total > ring.size() ? total % ring.size() : 0;
  const std::size_t kept = std::min(total, ring.size());
  (void)!::write(STDERR_FILENO, ring.data() + begin, kept - begin);
  if (begin > 0) (void)!::write(STDERR_FILENO, ring.data(), begin);
  ::signal(number, SIG_DFL);
  ::raise(number);
}

}  // namespace

void install() {
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTERM, SIGXCPU}) {
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_NODEFER;
    ::sigaction(number, &action, nullptr);
  }
}

void reset() { written = 0; }

void add(std::string_view line) {
  for (const char c : line) put(c);
  put('\n');
}

}  // namespace gaincell::characterize::crash_log
