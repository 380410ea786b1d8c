#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gaincell {

// Reads a number as SPICE does: an optional scale suffix (t g meg k m u n p f a, case-insensitive,
// so `M` is milli and `meg` is 1e6; `mil` is refused) and an optional unit after it ("15ns", "0.9
// V", "4.5pF"). `unit` is what the caller expects ("s", "V", "F", "C", "A", "J", "degC", "" for a
// plain number); another unit gives nullopt. Directly after the number a suffix wins over a unit,
// as in SPICE: "5f" and "5F" are femto; after a space a unit must follow ("5 F", "5 fF"). Result in
// SI.
std::optional<double> parse_quantity(std::string_view text, std::string_view unit);

// "1.234 ns": engineering notation with an SI prefix and `digits` significant digits, for people.
std::string format_si(double value, std::string_view unit, int digits = 4);

// Shortest text that reads back as exactly the same double, in SPICE syntax ("1.5e-08").
std::string format_exact(double value);

}  // namespace gaincell
