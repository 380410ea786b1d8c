#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

// Bytes for pipes and journals: little-endian numbers and counted strings.
namespace gaincell::characterize {

// The bytes are not what they should be.
struct BadBytes : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class ByteWriter {
 public:
  ByteWriter& u8(std::uint8_t value);
  ByteWriter& u32(std::uint32_t value);
  ByteWriter& u64(std::uint64_t value);
  ByteWriter& f64(double value);
  ByteWriter& text(std::string_view value);
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// Throws BadBytes where the bytes end too soon.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}
  std::uint8_t u8();
  std::uint32_t u32();
  std::uint64_t u64();
  double f64();
  std::string text();
  // A count of things that take at least `least_bytes` each: bounds what a bad count can allocate.
  std::size_t count(std::size_t least_bytes);
  bool done() const { return rest_.empty(); }

 private:
  std::string_view take(std::size_t size);
  std::string_view rest_;
};

std::uint32_t crc32(std::string_view bytes);

// A piece of a file that shows its own damage: u32 size, u32 CRC-32, payload.
std::string checked_record(std::string_view payload);
// The payload that `bytes` begin with, which are moved on behind it; nothing where it is torn or
// damaged.
std::optional<std::string_view> take_checked_record(std::string_view& bytes);

}  // namespace gaincell::characterize
