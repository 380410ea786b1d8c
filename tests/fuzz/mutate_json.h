#pragma once

#include <string>

#include "base/random.h"

namespace gaincell::fuzz {

// One to three changes of a JSON text by its tree: types, numbers at the ends of their ranges, keys
// removed, doubled and renamed, nesting, long lists, odd strings. The result may be no JSON.
std::string mutate_json(const std::string& text, Random& random);

}  // namespace gaincell::fuzz
