#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace gaincell::model {

inline constexpr const char* kChecksums = "SHA256SUMS";  // the file's name

// SHA-256 by file name of what a model folder's file SHA256SUMS lists, in the format of the program
// sha256sum; empty where there is no such file. Throws Error for lines of another form.
std::map<std::string, std::string> read_checksums(const std::filesystem::path& folder);

// Throws Error naming the first of the files that a model is read from whose hash is another than
// SHA256SUMS lists. What is not listed passes.
void require_checksums(const std::filesystem::path& folder);

// Writes SHA256SUMS over the folder's files that a model is read from.
void write_checksums(const std::filesystem::path& folder);

}  // namespace gaincell::model
