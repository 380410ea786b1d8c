#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace gaincell::characterize {

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
  int command_fd() const { return command_; }  // non-blocking
  int reply_fd() const { return reply_; }      // non-blocking
  int log_fd() const { return log_; }          // non-blocking

  // Closes its input, asks it to end, and ends it by force after `grace_s`. Returns how it ended:
  // "exit 0", "signal 9". The log can still be read afterwards.
  std::string stop(double grace_s);
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
  void close_all();
  pid_t pid_ = -1;
  int command_ = -1;
  int reply_ = -1;
  int log_ = -1;
  double used_cpu_s_ = 0;
};

// Reads what is there. `open` becomes false at the end of the stream.
std::string read_available(int fd, bool& open);

}  // namespace gaincell::characterize
