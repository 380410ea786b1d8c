#pragma once

#include <signal.h>

namespace gaincell::characterize {

// Ctrl-C and SIGTERM end the pool between two jobs: the journal keeps what is done. A file that
// meets its size limit is an error with a message, and whoever reads the progress may go away:
// neither is the end of the process.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

 private:
  struct sigaction old_int_ {};
  struct sigaction old_term_ {};
  struct sigaction old_size_ {};
  struct sigaction old_pipe_ {};
};

// Whether one of the first two has come since the latest StopSignals was made.
bool stop_asked();
// The same without a signal, from a program that runs a campaign as a part of it.
void ask_stop();

}  // namespace gaincell::characterize
