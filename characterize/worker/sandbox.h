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

// Limits on memory, file size and open files; then no capabilities, and no rights to files,
// programs, other processes or the network but what `rights` names, by Landlock and seccomp, for
// good. Libraries of a simulator that are not the user's to name are loaded before. Returns what
// the kernel does not offer ("" = all is in place).
std::string confine(const Rights& rights);

// The process gets so much more processor time; beyond it, SIGXCPU.
void limit_cpu(double seconds);

}  // namespace gaincell::characterize::sandbox
