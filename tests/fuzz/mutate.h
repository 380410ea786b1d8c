#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "reader.h"

namespace gaincell::fuzz {

// Pieces that the parsers of one language stumble over.
using Words = std::span<const std::string>;
Words bench_words();   // YAML and netlists
Words text_words();    // plain and encoded text, tables
Words number_words();  // numbers at the ends of their ranges, and what is none

// One or two changes: bits, pieces removed, doubled, put in or replaced by words, ends cut off,
// pieces of other samples, numbers changed.
std::string mutate_text(std::string text, Random& random, Words words,
                        const std::vector<Sample>& others);

// Flipped bytes, zeroed or removed stretches, ends cut off or added.
std::string mutate_bytes(std::string bytes, Random& random);

// Text that is no clean UTF-8 line: broken encodings, control characters, enormous length.
std::string odd_text(Random& random);

// A number that few expect.
double odd_number(Random& random);

// The whole text in another encoding or with other line ends.
std::string recode(std::string text, Random& random);

// Writes the input; one time in a hundred something else than a file of these bytes is there.
void put_input(const std::filesystem::path& path, std::string_view bytes, Random& random);

}  // namespace gaincell::fuzz
