#pragma once

#include <string>

namespace gaincell::cli {

// Pages of the program itself, made of the verbs' own tables: what `--help` says, they say.

// gaincell(1), in man's macros.
std::string man_page();

// Completion of verbs, options and their choices; everything else is the name of a file.
std::string bash_completion();
std::string zsh_completion();
std::string fish_completion();

}  // namespace gaincell::cli
