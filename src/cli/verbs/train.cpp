#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/installation.h"
#include "cli/commands.h"

extern char** environ;

namespace gaincell::cli {
namespace {

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Training is a program of its own, since it alone links libtorch. It lies beside this one.
int start_trainer(const std::vector<std::string>& arguments) {
  const std::filesystem::path program = sibling_program("gaincell-train");
  std::vector<std::string> words{program.string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  ::execv(program.c_str(), pointers_to(words).data());
  throw Error({.place = program.string(),
               .rule = fmt::format("cannot be started: {}", std::strerror(errno)),
               .remedy = "training is optional: install libtorch-dev and build with "
                         "-DGAINCELL_TRAIN=ON"});
}

bool has_package(const std::string& python) {
  std::vector<std::string> words{python, "-c",
                                 "import importlib.util as i, sys; sys.exit(not "
                                 "all(map(i.find_spec, ('gaincell', 'torch'))))"};
  ::pid_t child = 0;
  if (::posix_spawnp(&child, python.c_str(), nullptr, nullptr, pointers_to(words).data(),
                     environ) != 0)
    return false;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// From a checkpoint it is the Python package's, on whatever PyTorch and GPU the user has.
int start_package(const std::vector<std::string>& arguments) {
  const char* chosen = std::getenv("GAINCELL_PYTHON");
  const std::string python = chosen != nullptr && *chosen != '\0' ? chosen : "python3";
  if (!has_package(python))
    throw Error({.place = python,
                 .rule = "has no gaincell with PyTorch, which trains from a checkpoint (--from)",
                 .remedy = "pip install 'gaincell[torch]' there, or name another Python in "
                           "$GAINCELL_PYTHON"});
  std::vector<std::string> words{python, "-m", "gaincell.torch.train"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  ::execvp(python.c_str(), pointers_to(words).data());
  throw Error(
      {.place = python, .rule = fmt::format("cannot be started: {}", std::strerror(errno))});
}

bool begins_with_checkpoint(const std::vector<std::string>& arguments) {
  return std::any_of(arguments.begin(), arguments.end(), [](const std::string& word) {
    return word == "--from" || word.starts_with("--from=");
  });
}

}  // namespace

// Options are the trainers' own, --help included.
Run cmd_train(Arguments& app) {
  app.pass_on();
  return [&app] {
    const std::vector<std::string> arguments = app.passed_on();
    return begins_with_checkpoint(arguments) ? start_package(arguments) : start_trainer(arguments);
  };
}

}  // namespace gaincell::cli
