#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "characterize/pool/descriptor.h"

namespace gaincell::characterize {

// How a process ended: by its own exit, or by a signal.
struct End {
  int exit_code = 0;
  int signal = 0;  // 0: none
};

// A worker process: commands to it and replies from it over their own descriptors, its stdout and
// stderr together as a log. Move-only; the destructor ends and reaps it.
class Child {
 public:
  // Starts `program` in `folder` with nothing of the user's environment but the path to programs
  // and libraries. Throws Error where it cannot be started.
  Child(const std::filesystem::path& program, const std::filesystem::path& folder,
        const std::vector<std::string>& arguments = {});
  ~Child();
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  int command_fd() const { return command_.get(); }  // non-blocking
  int reply_fd() const { return reply_.get(); }      // non-blocking
  int log_fd() const { return log_.get(); }          // non-blocking

  // Closes its input, asks it to end, and ends it by force after `grace_s`; once it has ended, that
  // end again. The log can still be read afterwards.
  End stop(double grace_s);
  bool running() const { return pid_ > 0; }
  // Of a child that has ended: what it used of a processor.
  double used_cpu_s() const { return used_cpu_s_; }

  // What the kernel says of it.
  struct Usage {
    double cpu_s = 0;       // processor time so far
    bool runnable = false;  // wants a processor now
    std::size_t threads = 0;
    std::size_t resident_bytes = 0;
  };
  Usage usage() const;

 private:
  pid_t pid_ = -1;
  Descriptor command_;
  Descriptor reply_;
  Descriptor log_;
  End end_;
  double used_cpu_s_ = 0;
};

// Reads what is there. `open` becomes false at the end of the stream.
std::string read_available(int fd, bool& open);
// Writes what there is room for. A pipe that nobody reads any more is an error like others, EPIPE:
// the signal that would come with it does not.
ssize_t write_available(int fd, std::string_view bytes);

}  // namespace gaincell::characterize
