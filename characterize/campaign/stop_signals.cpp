#include "characterize/campaign/stop_signals.h"

#include <atomic>

namespace gaincell::characterize {
namespace {

std::atomic<bool> asked{false};

}  // namespace

StopSignals::StopSignals() {
  asked = false;
  struct sigaction stop {};
  stop.sa_handler = [](int) { asked = true; };
  ::sigaction(SIGINT, &stop, &old_int_);
  ::sigaction(SIGTERM, &stop, &old_term_);
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGXFSZ, &ignore, &old_size_);
  ::sigaction(SIGPIPE, &ignore, &old_pipe_);
}

StopSignals::~StopSignals() {
  ::sigaction(SIGINT, &old_int_, nullptr);
  ::sigaction(SIGTERM, &old_term_, nullptr);
  ::sigaction(SIGXFSZ, &old_size_, nullptr);
  ::sigaction(SIGPIPE, &old_pipe_, nullptr);
}

bool stop_asked() { return asked; }

void ask_stop() { asked = true; }

}  // namespace gaincell::characterize
