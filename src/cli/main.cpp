#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "base/error.h"
#include "cli/program.h"

int main(int argc, char** argv) {
  try {
    const int code = gaincell::cli::run_program(argc, argv);
    // A result that did not reach its reader (full disk behind a redirection) is no success.
    if (std::fflush(stdout) != 0)
      throw gaincell::Error({.place = "standard output", .rule = "could not be written"});
    return code;
  } catch (const gaincell::Error& error) {
    fmt::print(stderr, "gaincell: error: {}\n", error.what());
    return gaincell::cli::kWrongInput;
  } catch (const std::exception& error) {
    fmt::print(stderr, "gaincell: internal error: {}\n", error.what());
    return gaincell::cli::kBug;
  }
}
