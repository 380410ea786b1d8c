#pragma once

#include <filesystem>

namespace gaincell::cli {

// What there is to look at: a file that a stage has written.
enum class RunKind { kDevice, kSamples, kStudy, kInference };

// Throws Error for a file that is none of them.
RunKind run_kind(const std::filesystem::path& file);

}  // namespace gaincell::cli
