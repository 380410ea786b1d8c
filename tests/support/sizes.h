#pragma once

#include <cstddef>
#include <cstdlib>
#include <initializer_list>
#include <vector>

namespace gaincell::testing {

// Of cases that differ in a number or an option alone, the last and every third: what they look for
// lies in few of them, and each takes a second or more. All of them with the label slow, which sets
// GAINCELL_EVERY_SIZE.
inline bool every_size() { return std::getenv("GAINCELL_EVERY_SIZE") != nullptr; }

template <typename T>
std::vector<T> some_of(std::initializer_list<T> all) {
  std::vector<T> some;
  std::size_t i = 0;
  for (const T& one : all) {
    if (every_size() || i % 3 == 0 || i + 1 == all.size()) some.push_back(one);
    ++i;
  }
  return some;
}

}  // namespace gaincell::testing
