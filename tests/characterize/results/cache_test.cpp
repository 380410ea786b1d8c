#include "characterize/results/cache.h"

#include <sys/stat.h>

#include <cstdlib>

#include "base/random.h"
#include "tests/characterize/support.h"

namespace gaincell::characterize {
namespace {

class Cache : public BenchTest {
 protected:
  static JobResult result(double value) {
    JobResult r;
    r.ok = true;
    r.values = {value};
    r.reasons = {""};
    return r;
  }
  static JobResult failure(JobFailure::Why why) {
    JobResult r;
    r.failure = {why, "reason", "log"};
    return r;
  }
  // The one entry in the folder.
  std::filesystem::path entry() const {
    for (const auto& one : std::filesystem::recursive_directory_iterator(path("c"))) {
      if (one.is_regular_file() && one.path().filename() != "CACHEDIR.TAG") return one.path();
    }
    return {};
  }
};

TEST_F(Cache, FindsWhatWasAddedUnderTheSameProgramAlone) {
  ResultCache(path("c"), "v1").add("key", result(1.5));
  ResultCache again(path("c"), "v1");
  EXPECT_EQ(again.find("key")->values, (std::vector<double>{1.5}));
  EXPECT_FALSE(again.find("other key").has_value());
  EXPECT_FALSE(ResultCache(path("c"), "v2").find("key").has_value());
}

TEST_F(Cache, AnyDamagedByteIsFoundAndTheEntryWrittenAnew) {
  ResultCache(path("c"), "v1").add("key", result(1.5));
  const std::string whole = read_file(entry());
  for (std::size_t k = 0; k < whole.size(); ++k) {
    std::string bytes = whole;
    bytes[k] = static_cast<char>(bytes[k] ^ 0x10);
    std::ofstream(entry(), std::ios::binary) << bytes;
    ResultCache cache(path("c"), "v1");
    EXPECT_FALSE(cache.find("key").has_value()) << k;
    EXPECT_EQ(cache.damaged(), 1u) << k;
    cache.add("key", result(2.5));
    EXPECT_EQ(cache.find("key")->values, (std::vector<double>{2.5})) << k;
  }
}

TEST_F(Cache, TornEntriesAreNone) {
  ResultCache(path("c"), "v1").add("key", result(1.5));
  const std::string whole = read_file(entry());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    std::ofstream(entry(), std::ios::binary) << whole.substr(0, size);
    ResultCache cache(path("c"), "v1");
    EXPECT_FALSE(cache.find("key").has_value()) << size;
  }
}

// A time limit or a crash says something of the machine, not of the deck.
TEST_F(Cache, KeepsOnlyFailuresThatWouldComeAgain) {
  using Why = JobFailure::Why;
  ResultCache cache(path("c"), "v1");
  for (const Why why : {Why::kTimeout, Why::kMemory, Why::kCrash, Why::kBadReply}) {
    cache.add("key", failure(why));
    EXPECT_FALSE(cache.find("key").has_value()) << name_of(why);
  }
  cache.add("key", failure(Why::kNoConvergence));
  EXPECT_EQ(cache.find("key")->failure.reason, "reason");
}

TEST_F(Cache, FolderThatCannotBeIsANoteAndNoFailure) {
  file("c", "a file where the folder should be");
  ResultCache cache(path("c"), "v1");
  cache.add("key", result(1));
  EXPECT_FALSE(cache.find("key").has_value());
  EXPECT_THAT(cache.complaint(), ::testing::HasSubstr("the cache is not used"));
}

TEST_F(Cache, StandsWhereTheUserKeepsCaches) {
  ::setenv("XDG_CACHE_HOME", "/somewhere", 1);
  EXPECT_EQ(default_cache_folder(), "/somewhere/gaincell");
  ::unsetenv("XDG_CACHE_HOME");
  ::setenv("HOME", "/home/user", 1);
  EXPECT_EQ(default_cache_folder(), "/home/user/.cache/gaincell");
  ::unsetenv("HOME");
  EXPECT_EQ(default_cache_folder(), "");
}

TEST_F(Cache, ThousandFlippedBytesGiveNoOtherNumber) {
  JobResult kept = result(0.1);
  kept.waveforms = {{0, 1, 2}, {0.1, 0.2, 0.3}};
  ResultCache(path("c"), "v1").add("key", kept);
  const std::string whole = read_file(entry());
  Random random(20261126, "flips");
  for (int k = 0; k < 1000; ++k) {
    std::string flipped = whole;
    char& byte = flipped[random.below(flipped.size())];
    byte = static_cast<char>(byte ^ static_cast<char>(1 + random.below(255)));
    std::ofstream(entry(), std::ios::binary) << flipped;
    EXPECT_FALSE(ResultCache(path("c"), "v1").find("key").has_value());
  }
}

TEST_F(Cache, EntryThatIsNoFileIsNone) {
  ResultCache(path("c"), "v1").add("key", result(1));
  const auto place = entry();
  std::filesystem::remove(place);
  ASSERT_EQ(::mkfifo(place.c_str(), 0600), 0);
  ResultCache cache(path("c"), "v1");
  EXPECT_FALSE(cache.find("key").has_value());
  cache.add("key", result(2));
  EXPECT_EQ(cache.find("key")->values, (std::vector<double>{2}));
}

}  // namespace
}  // namespace gaincell::characterize
