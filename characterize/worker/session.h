#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "characterize/job/protocol.h"

namespace gaincell::characterize {

// The simulator of this process: libngspice is one per process, all of it global state. Its return
// codes say nothing, so a run counts only with proof: no error line, a new plot of the right kind,
// a scale of the right length or end.
class Session {
 public:
  // Starts the library with one thread. Call once. The code models are open already; where they are
  // wanted and there are none, a failed run says so.
  Session(const std::vector<std::string>& code_models, bool wanted);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  static std::string ngspice_version();
  void set_head(const HeadMessage& head);
  JobResult run(const RunMessage& job);
  // After an error that left by the library's exit, it must not be called again.
  bool usable() const { return usable_; }

 private:
  static int on_text(char* text, int, void* self);
  static int on_status(char*, int, void*) { return 0; }
  static int on_exit(int status, bool, bool, int, void* self);
  void take_line(const std::string& line);
  bool command(const std::string& text);
  void set_behaviour(const std::string& behaviour);
  bool load(const RunMessage& job);
  bool simulate();
  void read(const RunMessage& job, JobResult& result);
  void clean_up();
  std::string log_tail() const;

  std::map<std::uint32_t, std::vector<std::string>> heads_;
  bool lacks_code_models_ = false;
  std::string behaviour_;  // compatibility mode that is set
  std::deque<std::string> log_;
  std::string error_;     // first line that shows a failure
  int card_lines_ = 0;    // lines that still belong to it
  bool refused_ = false;  // it concerns the circuit, not the analysis
  bool out_of_memory_ = false;
  bool usable_ = true;
};

}  // namespace gaincell::characterize
