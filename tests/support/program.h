#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace gaincell::testing {

struct Outcome {
  int exit_code = -1;  // 128 + signal where one ended it
  std::string out, err;
};

// Runs a program to its end and collects what it printed. No shell is involved; standard input is
// empty. `program` without a slash is looked for in the build's bin folder.
Outcome run(const std::string& program, const std::vector<std::string>& arguments,
            const std::filesystem::path& folder = {});

// A folder of its own below the system's temporary folder, removed with all that is in it.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  // Names of the files in it, sorted.
  std::vector<std::string> names() const;

 private:
  std::filesystem::path path_;
};

}  // namespace gaincell::testing
