#pragma once

#include <cstddef>
#include <set>
#include <string>

namespace gaincell::characterize::sandbox {

// What a worker may do beyond simulating. A netlist is a program; these names are what a user opts
// into (`--allow`).
struct Rights {
  std::size_t memory_bytes = 0;  // 0 = no limit
  bool read = false;             // files: `source`, `codemodel`
  bool write = false;            // files in its own folder
  bool run = false;              // other programs: `shell`
};

// Before the simulator's library starts: limits on memory, file size and open files, no
// capabilities, and no rights to files but what `rights` names, by Landlock, for good. What the
// library is to load of its own is open by then.
// Returns what the kernel does not offer ("" = all is in place); so does the next.
std::string confine_files(const Rights& rights);
// Once the library has started, which looks around for its start-up files: no system calls but what
// simulating needs, by seccomp, for good. None reaches other programs, processes or the network,
// and memory is neither shared nor written and run.
std::string confine_calls(const Rights& rights);

// The process gets so much more processor time; beyond it, SIGXCPU.
void limit_cpu(double seconds);

}  // namespace gaincell::characterize::sandbox
