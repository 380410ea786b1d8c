#include "characterize/results/journal.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cmath>
#include <functional>

#include "base/random.h"
#include "characterize/job/protocol.h"
#include "characterize/job/wire.h"
#include "tests/characterize/support.h"

namespace gaincell::characterize {
namespace {

class JournalTest : public BenchTest {
 protected:
  static JobResult result(double value) {
    JobResult r;
    r.id = 7;
    r.ok = true;
    r.values = {value};
    r.reasons = {""};
    return r;
  }
};

TEST_F(JournalTest, KeepsWhatWasAdded) {
  {
    Journal journal(path("j"), "v1");
    journal.add("a", result(1.5));
    journal.add("b", result(2.5));
  }
  const Journal again(path("j"), "v1");
  ASSERT_EQ(again.size(), 2u);
  EXPECT_EQ(again.find("b")->values, (std::vector<double>{2.5}));
  EXPECT_EQ(again.find("c"), nullptr);
}

// Of every cut: what was whole is found, and so is what is added after it.
TEST_F(JournalTest, AnyTornEndLosesOnlyTheLastRecord) {
  std::vector<std::size_t> ends;  // of the header and of each record
  const auto size = [&] { return std::filesystem::file_size(path("j")); };
  {
    Journal journal(path("j"), "v1");
    ends.push_back(size());
    for (const char* key : {"a", "b"}) {
      journal.add(key, result(1.5));
      ends.push_back(size());
    }
  }
  const std::string whole = read_file(path("j"));
  ASSERT_EQ(ends.back(), whole.size());
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    file("j", whole.substr(0, cut));
    const std::size_t records = cut < ends[1] ? 0 : cut < ends[2] ? 1 : 2;
    {
      Journal journal(path("j"), "v1");
      EXPECT_EQ(journal.size(), records) << cut;
      EXPECT_EQ(journal.find("a") != nullptr, records > 0) << cut;
      EXPECT_EQ(size(), ends[records]) << cut;
      journal.add("c", result(3));
    }
    const Journal again(path("j"), "v1");
    EXPECT_EQ(again.size(), records + 1) << cut;
    ASSERT_NE(again.find("c"), nullptr) << cut;
    EXPECT_EQ(again.find("c")->values, (std::vector<double>{3})) << cut;
  }
}

TEST_F(JournalTest, FlippedBitEndsIt) {
  {
    Journal journal(path("j"), "v1");
    journal.add("a", result(1.5));
    journal.add("b", result(2.5));
  }
  std::string bytes = read_file(path("j"));
  bytes[bytes.size() - 5] = static_cast<char>(bytes[bytes.size() - 5] ^ 4);
  file("j", bytes);
  EXPECT_EQ(Journal(path("j"), "v1").size(), 1u);
}

TEST_F(JournalTest, OtherVersionsBeginAnew) {
  { Journal(path("j"), "v1").add("a", result(1)); }
  EXPECT_EQ(Journal(path("j"), "v2").size(), 0u);
}

TEST_F(JournalTest, TwoRunsCannotShareIt) {
  const Journal journal(path("j"), "v1");
  EXPECT_THROW(Journal(path("j"), "v1"), Error);
}

// What stands under the journal's name and is none is the user's.
TEST_F(JournalTest, FilesOfOthersAreRefusedAndStay) {
  file("notes", "a user's own");
  EXPECT_THROW(Journal(path("notes"), "v1"), Error);
  EXPECT_EQ(read_file(path("notes")), "a user's own");
  std::filesystem::create_symlink(path("notes"), path("link"));
  EXPECT_THROW(Journal(path("link"), "v1"), Error);
  { Journal(path("real"), "v1").add("a", result(1)); }
  std::filesystem::create_symlink(path("real"), path("link to a journal"));
  EXPECT_THROW(Journal(path("link to a journal"), "v1"), Error);
  EXPECT_EQ(Journal(path("real"), "v1").size(), 1u);
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  EXPECT_THROW(Journal(path("fifo"), "v1"), Error);
  std::filesystem::create_directory(path("folder"));
  EXPECT_THROW(Journal(path("folder"), "v1"), Error);
  file("cut", "GCJO");  // a kill within the first write
  EXPECT_EQ(Journal(path("cut"), "v1").size(), 0u);
}

class FlippedBytes : public JournalTest {
 protected:
  static constexpr std::size_t kRecords = 20;
  // As a campaign leaves it: numbers, reasons, failures, waveforms.
  std::string whole() {
    Journal journal(path("whole"), "header");
    for (std::size_t k = 0; k < kRecords; ++k) {
      JobResult one = result(1.0 / static_cast<double>(k + 1));
      one.values.push_back(0);
      one.reasons.push_back("no crossing");
      if (k % 5 == 0) one.waveforms = {{0, 1, 2}, {0.1, 0.2, 0.3}};
      if (k % 7 == 0) one = {};
      if (k % 7 == 0) one.failure = {JobFailure::Why::kNoConvergence, "timestep too small", "log"};
      journal.add(fmt::format("key {}", k), one);
    }
    return read_file(path("whole"));
  }
  // Calls `look` with the bytes, one of them changed.
  static void for_each_flip(const std::string& bytes,
                            const std::function<void(const std::string&)>& look) {
    Random random(20261126, "flips");
    for (int k = 0; k < 1000; ++k) {
      std::string flipped = bytes;
      char& byte = flipped[random.below(flipped.size())];
      byte = static_cast<char>(byte ^ static_cast<char>(1 + random.below(255)));
      look(flipped);
    }
  }
  static void expect_as_they_were(const KnownResults& found, const KnownResults& true_ones) {
    for (const auto& [key, one] : found) {
      const auto at = true_ones.find(key);
      ASSERT_NE(at, true_ones.end()) << key;
      EXPECT_EQ(encode(one, false), encode(at->second, false)) << key;
    }
  }
};

TEST_F(FlippedBytes, OfAShardAreFoundEveryOne) {
  const std::string bytes = whole();
  ASSERT_EQ(read_journal(path("whole")).results.size(), kRecords);
  for_each_flip(bytes, [&](const std::string& flipped) {
    EXPECT_THROW(read_journal(file("s", flipped)), Error);
  });
  // Whole records fewer cannot be seen here; that some are missing shows against the campaign.
  const auto all = read_journal(path("whole")).results;
  std::size_t between_records = 0;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    try {
      expect_as_they_were(read_journal(file("s", bytes.substr(0, size))).results, all);
      ++between_records;
    } catch (const Error&) {
    }
  }
  EXPECT_EQ(between_records, kRecords);
}

TEST_F(FlippedBytes, OfAJournalCostResultsAndChangeNone) {
  const std::string bytes = whole();
  const auto all = read_journal(path("whole")).results;
  std::size_t lost = 0;
  for_each_flip(bytes, [&](const std::string& flipped) {
    try {
      const Journal journal(file("j", flipped), "header");
      for (const auto& [key, one] : all) {
        const JobResult* found = journal.find(key);
        if (found == nullptr) continue;
        EXPECT_EQ(encode(*found, false), encode(one, false)) << key;
      }
      EXPECT_LT(journal.size(), kRecords);
      lost += kRecords - journal.size();
    } catch (const Error&) {  // in the magic: it is no journal any more
    }
  });
  EXPECT_GT(lost, 1000u);
}

// A checksum says that bytes are as they were written, not who wrote them.
TEST_F(JournalTest, ImpossibleRecordsWithRightChecksumsEndIt) {
  const auto size_with = [&](const std::string& more) {
    { Journal(path("j"), "v1").add("a", result(1.5)); }
    file("j", read_file(path("j")) + checked_record(more));
    EXPECT_THROW(read_journal(path("j")), Error);
    const Journal journal(path("j"), "v1");
    EXPECT_EQ(journal.find("a")->values, (std::vector<double>{1.5}));
    const std::size_t size = journal.size();
    std::filesystem::remove(path("j"));
    return size;
  };
  const auto record = [](const std::string& key, const JobResult& one) {
    return ByteWriter().text(key).bytes() + encode(one, false);
  };
  EXPECT_EQ(size_with("no record"), 1u);
  EXPECT_EQ(size_with(record("a", result(2.5))), 1u);  // the same simulation with another number
  EXPECT_EQ(size_with(record("b", result(std::nan("")))), 1u);
  EXPECT_EQ(size_with(record("b", result(HUGE_VAL))), 1u);
  JobResult uneven = result(1);
  uneven.waveforms = {{0, 1}, {0}};
  EXPECT_EQ(size_with(record("b", uneven)), 1u);
}

}  // namespace
}  // namespace gaincell::characterize
