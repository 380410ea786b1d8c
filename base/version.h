#pragma once

namespace gaincell {

// Stands in the CMake project, and nowhere else.
extern const char* const kVersion;

}  // namespace gaincell
