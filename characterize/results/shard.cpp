#include "characterize/results/shard.h"

#include <fmt/format.h>

#include <charconv>

#include "base/error.h"
#include "characterize/job/wire.h"

namespace gaincell::characterize {
namespace {

constexpr std::size_t kMostShards = 1'000'000;
constexpr std::string_view kKind = "shard 2";  // with the version of this header

std::size_t number(std::string_view text, std::string_view whole) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value == 0 || value > kMostShards)
    throw Error({.place = "--shard",
                 .value = std::string(whole),
                 .rule = "must be k/n with 1 <= k <= n",
                 .remedy = "e.g. --shard 1/4 to --shard 4/4"});
  return value;
}

}  // namespace

std::string Shard::name() const { return fmt::format("{}/{}", index, count); }

Shard parse_shard(std::string_view text) {
  const std::size_t slash = std::min(text.find('/'), text.size());
  Shard shard;
  shard.index = number(text.substr(0, slash), text);
  shard.count = number(text.substr(std::min(slash + 1, text.size())), text);
  if (shard.index > shard.count) number("", text);
  return shard;
}

std::string encode(const ShardHeader& header) {
  ByteWriter out;
  out.text(kKind).u64(header.shard.index).u64(header.shard.count);
  out.text(header.program_version).text(header.ngspice_version).text(header.identity);
  out.text(header.fingerprint).u64(header.benches.size());
  for (const std::string& bench : header.benches) out.text(bench);
  out.u64(header.filters.size());
  for (const std::string& filter : header.filters) out.text(filter);
  out.u64(header.allow.size());
  for (const std::string& name : header.allow) out.text(name);
  out.u64(header.at.size());
  for (const std::string& setting : header.at) out.text(setting);
  return out.bytes();
}

ShardHeader decode_shard_header(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.text() != kKind) throw BadBytes("is no shard");
  ShardHeader header;
  header.shard.index = in.u64();
  header.shard.count = in.u64();
  const Shard& shard = header.shard;
  if (shard.count < 1 || shard.count > kMostShards || shard.index < 1 || shard.index > shard.count)
    throw BadBytes("names an impossible shard");
  header.program_version = in.text();
  header.ngspice_version = in.text();
  header.identity = in.text();
  header.fingerprint = in.text();
  for (std::size_t k = in.count(4); k > 0; --k) header.benches.push_back(in.text());
  for (std::size_t k = in.count(4); k > 0; --k) header.filters.push_back(in.text());
  for (std::size_t k = in.count(4); k > 0; --k) header.allow.push_back(in.text());
  for (std::size_t k = in.count(4); k > 0; --k) header.at.push_back(in.text());
  if (!in.done()) throw BadBytes("is longer than it says");
  return header;
}

}  // namespace gaincell::characterize
