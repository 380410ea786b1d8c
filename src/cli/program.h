#pragma once

namespace gaincell::cli {

inline constexpr int kWrongInput = 2;
inline constexpr int kInterrupted = 130;

inline constexpr const char* kPurpose =
    "from a SPICE netlist to a language model's perplexity and joules per token";
inline constexpr const char* kExitCodes =
    "0 done; 1 ran, but what it checked does not hold; 2 wrong input or environment.";

// The program but for its last line of defence: runs the verb that the arguments name and returns
// the exit code. Wrong input is thrown as gaincell::Error.
int run_program(int argc, char** argv);

}  // namespace gaincell::cli
