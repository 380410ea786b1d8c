#pragma once

namespace gaincell::cli {

inline constexpr int kWrongInput = 2;

// The program but for its last line of defence: runs the verb that the arguments name and returns
// the exit code. Wrong input is thrown as gaincell::Error.
int run_program(int argc, char** argv);

}  // namespace gaincell::cli
