#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gaincell::characterize {

// Every n-th simulation of a campaign, from the k-th on.
struct Shard {
  std::size_t index = 1;  // k, from 1
  std::size_t count = 1;  // n
  bool whole() const { return count == 1; }
  bool has(std::uint64_t job) const { return job % count == index - 1; }
  std::string name() const;  // "2/4"
};

// "k/n". Throws Error for anything else.
Shard parse_shard(std::string_view text);

// What a shard's file begins with: enough to refuse one that does not belong to its siblings.
struct ShardHeader {
  Shard shard;
  std::string program_version;
  std::string ngspice_version;
  std::string identity;                // program and simulator to the byte
  std::string fingerprint;             // of the campaign
  std::vector<std::string> benches{};  // absolute paths
  std::vector<std::string> filters{};
  std::vector<std::string> allow{};
  std::vector<std::string> at{};
};
std::string encode(const ShardHeader& header);
// Throws BadBytes where it is none.
ShardHeader decode_shard_header(std::string_view bytes);

}  // namespace gaincell::characterize
