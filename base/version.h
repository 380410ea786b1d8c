#pragma once

namespace gaincell {

inline constexpr const char* kVersion = "0.1.0";

}  // namespace gaincell
