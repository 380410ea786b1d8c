#include "characterize/job/wire.h"

#include <bit>
#include <boost/crc.hpp>

namespace gaincell::characterize {

ByteWriter& ByteWriter::u8(std::uint8_t value) {
  bytes_ += static_cast<char>(value);
  return *this;
}

ByteWriter& ByteWriter::u32(std::uint32_t value) {
  for (int k = 0; k < 4; ++k) bytes_ += static_cast<char>(value >> (8 * k) & 0xff);
  return *this;
}

ByteWriter& ByteWriter::u64(std::uint64_t value) {
  for (int k = 0; k < 8; ++k) bytes_ += static_cast<char>(value >> (8 * k) & 0xff);
  return *this;
}

ByteWriter& ByteWriter::f64(double value) { return u64(std::bit_cast<std::uint64_t>(value)); }

ByteWriter& ByteWriter::text(std::string_view value) {
  u32(static_cast<std::uint32_t>(value.size()));
  bytes_ += value;
  return *this;
}

std::string_view ByteReader::take(std::size_t size) {
  if (size > rest_.size()) throw BadBytes("ends too soon");
  const std::string_view taken = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return taken;
}

std::uint8_t ByteReader::u8() { return static_cast<std::uint8_t>(take(1)[0]); }

std::uint32_t ByteReader::u32() {
  const std::string_view bytes = take(4);
  std::uint32_t value = 0;
  for (std::size_t k = 0; k < 4; ++k)
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[k])) << (8 * k);
  return value;
}

std::uint64_t ByteReader::u64() {
  const std::string_view bytes = take(8);
  std::uint64_t value = 0;
  for (std::size_t k = 0; k < 8; ++k)
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[k])) << (8 * k);
  return value;
}

double ByteReader::f64() { return std::bit_cast<double>(u64()); }

std::string ByteReader::text() {
  const std::uint32_t size = u32();
  return std::string(take(size));
}

std::size_t ByteReader::count(std::size_t least_bytes) {
  const std::uint64_t number = u64();
  if (number > rest_.size() / least_bytes) throw BadBytes("holds an impossible count");
  return static_cast<std::size_t>(number);
}

std::uint32_t crc32(std::string_view bytes) {
  boost::crc_32_type crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

std::string checked_record(std::string_view payload) {
  ByteWriter out;
  out.u32(static_cast<std::uint32_t>(payload.size())).u32(crc32(payload));
  return out.bytes() + std::string(payload);
}

std::optional<std::string_view> take_checked_record(std::string_view& bytes) {
  constexpr std::size_t kRecordHeaderSize = 8;
  if (bytes.size() < kRecordHeaderSize) return std::nullopt;
  ByteReader header(bytes.substr(0, kRecordHeaderSize));
  const std::uint32_t size = header.u32();
  const std::uint32_t sum = header.u32();
  if (size > bytes.size() - kRecordHeaderSize) return std::nullopt;
  const std::string_view payload = bytes.substr(kRecordHeaderSize, size);
  if (crc32(payload) != sum) return std::nullopt;
  bytes.remove_prefix(kRecordHeaderSize + size);
  return payload;
}

}  // namespace gaincell::characterize
