#pragma once

#include <cstddef>
#include <initializer_list>
#include <vector>

namespace gaincell::testing {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
inline constexpr bool kSanitized = __has_feature(address_sanitizer);
#else
inline constexpr bool kSanitized = false;
#endif

// Of cases that differ in a number alone, with sanitizers the last and every third: each takes ten
// times as long there, and what they look for lies in few of them.
template <typename T>
std::vector<T> some_with_sanitizers(std::initializer_list<T> all) {
  std::vector<T> some;
  std::size_t i = 0;
  for (const T& one : all) {
    if (!kSanitized || i % 3 == 0 || i + 1 == all.size()) some.push_back(one);
    ++i;
  }
  return some;
}

}  // namespace gaincell::testing
