#pragma once

#include <poll.h>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "characterize/job/job.h"
#include "characterize/job/protocol.h"
#include "characterize/pool/child.h"

namespace gaincell::characterize {

// What a worker has said: one of these.
struct Reply {
  JobResult result;
  bool last = false;  // the worker ends after it
};
// What it says afterwards cannot be read either.
struct Nonsense {
  std::string what;  // behind "what the worker sent": "is no reply"
};
struct Silence {};  // the end of its replies
using WorkerEvent = std::variant<Hello, Reply, Nonsense, Silence>;

// One worker: jobs become bytes to it, bytes from it become events. It does not know of deadlines,
// limits or second attempts (scheduler.h).
class WorkerLink {
 public:
  // Throws Error where the program cannot be started.
  WorkerLink(const std::filesystem::path& program, const std::filesystem::path& folder,
             const std::vector<std::string>& arguments);

  // Behind what is still on its way. The job's head must live as long as the link.
  void send(const Job& job, bool aided);
  // Writes what the pipe takes. A worker that is gone shows as Silence alone.
  void flush();

  // Reads what has come: its log, and what next() then takes apart.
  void receive();
  // The next event, if it is complete; Hello is the first, and Silence follows all others.
  std::optional<WorkerEvent> next();

  // To wait for: bytes from it, and room for bytes to it where there are any.
  void add_to(std::vector<pollfd>& fds) const;

  std::size_t log_bytes() const { return log_bytes_; }  // since its last reply
  // What it printed last, of the current job where it says so by kLogMark.
  std::string log_tail();

  End stop(double grace_s) { return child_.stop(grace_s); }
  double used_cpu_s() const { return child_.used_cpu_s(); }
  Child::Usage usage() const { return child_.usage(); }

 private:
  void read_log();
  WorkerEvent event_of(const Frame& frame);

  Child child_;
  std::string out_;  // bytes not yet written
  std::vector<const DeckHead*> heads_;
  FrameBuffer in_;
  bool greeted_ = false;
  std::string log_;
  std::size_t log_bytes_ = 0;
  bool replies_open_ = true;
  bool log_open_ = true;
};

}  // namespace gaincell::characterize
