#pragma once

#include <span>
#include <string>
#include <string_view>

namespace gaincell {

// The candidate nearest to a misspelt name (edit distance with swaps of neighbours, case ignored),
// or "" where none is near enough to be meant (more than a third of the letters differ). For "did
// you mean".
std::string suggest(std::string_view name, std::span<const std::string> candidates);

// The ready remedy: "did you mean `x`?" where a candidate is near, else "use one of a, b, c".
std::string suggest_remedy(std::string_view name, std::span<const std::string> candidates);

}  // namespace gaincell
