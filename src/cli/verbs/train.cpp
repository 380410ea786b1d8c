#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/installation.h"
#include "cli/commands.h"

namespace gaincell::cli {
namespace {

// Training is a program of its own, since it alone links libtorch. It lies beside this one.
int start_trainer(const std::vector<std::string>& arguments) {
  const std::filesystem::path program = sibling_program("gaincell-train");
  std::vector<std::string> words{program.string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  ::execv(program.c_str(), pointers.data());
  throw Error({.place = program.string(),
               .rule = fmt::format("cannot be started: {}", std::strerror(errno)),
               .remedy = "training is optional: install libtorch-dev and build with "
                         "-DGAINCELL_TRAIN=ON"});
}

}  // namespace

// TrainOptions are the trainer's own, --help included.
Run cmd_train(Arguments& app) {
  app.pass_on();
  return [&app] { return start_trainer(app.passed_on()); };
}

}  // namespace gaincell::cli
