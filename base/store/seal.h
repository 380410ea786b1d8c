#pragma once
// Internal to this component: the checksum behind the end of every file that the Writer makes.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace gaincell::store {

// The last kSealSize bytes of a sealed file: kSealMark, the SHA-256 of all bytes before the seal in
// lower-case hexadecimal, a line feed. HDF5 and all that is built on it take no notice of bytes
// behind the file's end; a program that changes the file through HDF5 cuts them off.
inline constexpr std::string_view kSealMark = "\nsealed by gaincell, sha256 ";
inline constexpr std::size_t kSealSize = kSealMark.size() + 64 + 1;

// Root attribute of every sealed file: a file that has it and no seal was changed since.
inline constexpr const char* kSealAttribute = "seal";

enum class Seal {
  kNone,    // of another program, of an earlier gaincell, or changed by another program since
  kIntact,  // the bytes are those that gaincell wrote
  kBroken,  // they are not
};

// `path` only names the file in errors; `fd` is open for reading.
Seal check_seal(int fd, const std::filesystem::path& path);

// Adds the seal to a finished file. Throws Error where it did not reach the disk.
void append_seal(const std::filesystem::path& path, const std::string& target);

}  // namespace gaincell::store
