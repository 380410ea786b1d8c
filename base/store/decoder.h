#pragma once
// Internal to this component: the process in which HDF5 reads a file.

#include <cstdint>
#include <string>

namespace gaincell::store {

// What may be made of a file of so many bytes, by compression or by claims: little of a small file,
// of a large one what compression of measured numbers can reach.
constexpr std::uint64_t most_of_file(std::uint64_t file_bytes) {
  constexpr std::uint64_t kOfAny = std::uint64_t{128} << 20, kPerByte = 40;
  return kOfAny + kPerByte * (file_bytes < (std::uint64_t{1} << 50) ? file_bytes : 0);
}

// The whole life of the reading process, just after fork(): opens the file, sends its FileRecord
// (a length, then the packed bytes), then answers each Request with an Answer until the socket
// closes. libhdf5 trusts what it reads: damaged files make it crash, run without end or ask for any
// memory. Here that ends this process alone, which has limits on memory and time, can open no
// second file and write none.
[[noreturn]] void decode(int socket, const std::string& path, std::uint64_t file_bytes);

// Sends or receives exactly so many bytes; false where the other end is gone.
bool send_all(int socket, const void* data, std::size_t size);
bool receive_all(int socket, void* data, std::size_t size);

}  // namespace gaincell::store
