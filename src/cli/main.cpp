#include "base/process.h"
#include "cli/program.h"

int main(int argc, char** argv) {
  return gaincell::run_guarded([&] { return gaincell::cli::run_program(argc, argv); });
}
