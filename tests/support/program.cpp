#include "tests/support/program.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace gaincell::testing {
namespace fs = std::filesystem;
namespace {

std::string content(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return std::move(text).str();
}

}  // namespace

Outcome run(const std::string& program, const std::vector<std::string>& arguments,
            const fs::path& folder) {
  const ScratchFolder scratch;
  const std::string path = program.find('/') == std::string::npos
                               ? std::string(GAINCELL_BINARY_DIR "/bin/") + program
                               : program;
  std::vector<std::string> words{path};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const fs::path out = scratch / "out", err = scratch / "err";

  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) {
    ::setenv("XDG_CACHE_HOME", scratch.path().c_str(),
             1);  // nothing of the user's or another run's
    const int mode = O_WRONLY | O_CREAT | O_TRUNC;
    if ((!folder.empty() && ::chdir(folder.c_str()) != 0) ||
        ::dup2(::open("/dev/null", O_RDONLY), 0) < 0 ||
        ::dup2(::open(out.c_str(), mode, 0600), 1) < 0 ||
        ::dup2(::open(err.c_str(), mode, 0600), 2) < 0) {
      ::_exit(126);
    }
    ::execv(path.c_str(), argv.data());
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), content(out),
          content(err)};
}

ScratchFolder::ScratchFolder() {
  std::string name = (fs::temp_directory_path() / "gaincell_test_XXXXXX").string();
  if (!::mkdtemp(name.data())) throw std::runtime_error("mkdtemp failed");
  path_ = name;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::vector<std::string> ScratchFolder::names() const {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(path_))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace gaincell::testing
