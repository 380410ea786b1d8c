#include "characterize/results/shard.h"

#include "characterize/job/wire.h"
#include "tests/characterize/support.h"

namespace gaincell::characterize {
namespace {

using ::testing::HasSubstr;

TEST(ShardName, EveryJobIsInExactlyOneShard) {
  for (std::uint64_t job = 0; job < 100; ++job) {
    int owners = 0;
    for (std::size_t k = 1; k <= 7; ++k) owners += Shard{k, 7}.has(job) ? 1 : 0;
    EXPECT_EQ(owners, 1) << job;
  }
}

TEST(ShardName, ReadsWhatItWrites) {
  EXPECT_EQ(parse_shard("3/12").name(), "3/12");
  EXPECT_TRUE(parse_shard("1/1").whole());
}

TEST(ShardName, AnythingElseIsRefused) {
  for (const char* text : {"", "/", "1", "0/4", "5/4", "1/0", "-1/4", "1/4 ", "a/b", "1/4/2",
                           "1/99999999999999999999"}) {
    try {
      (void)parse_shard(text);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("must be k/n")) << text;
    }
  }
}

TEST(ShardHeaderBytes, SurviveAndCutsAreRefused) {
  const ShardHeader header{{2, 4},          "0.1.0",     "39",
                           "identity",      "print",     {"/a.yaml", "/b.yaml"},
                           {"corner=slow"}, {"control"}, {"v_dd=0.81", "temperature=-40"}};
  const std::string bytes = encode(header);
  EXPECT_EQ(decode_shard_header(bytes).benches, header.benches);
  EXPECT_EQ(decode_shard_header(bytes).filters, header.filters);
  EXPECT_EQ(decode_shard_header(bytes).allow, header.allow);
  EXPECT_EQ(decode_shard_header(bytes).at, header.at);
  EXPECT_EQ(decode_shard_header(bytes).shard.name(), "2/4");
  EXPECT_EQ(encode(decode_shard_header(bytes)), bytes);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut)
    EXPECT_THROW(decode_shard_header(std::string_view(bytes).substr(0, cut)), BadBytes) << cut;
}

TEST(ShardHeaderBytes, NumbersThatNoShardHasAreRefused) {
  for (const Shard shard : {Shard{0, 4}, Shard{5, 4}, Shard{1, 0}, Shard{0, 0},
                            Shard{1, std::size_t{1} << 60}, Shard{~std::size_t{0}, 4}}) {
    const ShardHeader header{shard, "0.1.0", "39", "identity", "print", {}, {}, {}};
    EXPECT_THROW(decode_shard_header(encode(header)), BadBytes) << shard.name();
  }
}

}  // namespace
}  // namespace gaincell::characterize
