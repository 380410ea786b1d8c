#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace gaincell {

// Lower-case hexadecimal SHA-256 of the bytes.
std::string sha256(std::string_view bytes);
// Of a file's content, which need not fit into memory. Throws Error where it cannot be read.
std::string sha256_of_file(const std::filesystem::path& path);

// The same of the first `bytes` bytes of an open file. Throws Error naming `file` where they cannot
// be read.
std::string sha256_of_start(int fd, std::uint64_t bytes, const std::string& file);

}  // namespace gaincell
