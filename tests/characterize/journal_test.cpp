#include "characterize/journal.h"

#include "characterize/protocol.h"
#include "characterize/wire.h"
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

TEST_F(JournalTest, AnyTornEndLosesOnlyTheLastRecord) {
  {
    Journal journal(path("j"), "v1");
    journal.add("a", result(1.5));
    journal.add("b", result(2.5));
  }
  const std::string whole = read_file(path("j"));
  std::size_t first = 0;
  for (std::size_t cut = whole.size() - 1; cut > 20; --cut) {
    file("j", whole.substr(0, cut));
    Journal journal(path("j"), "v1");
    EXPECT_LE(journal.size(), 1u);
    if (journal.size() == 1) first = cut;
    journal.add("c", result(3));
    EXPECT_EQ(Journal(path("k"), "v1").size(), 0u);
  }
  EXPECT_GT(first, 0u);
  EXPECT_GE(Journal(path("j"), "v1").size(), 1u);  // what was added after a cut is found
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

TEST(Protocol, FramesSurviveAnySplit) {
  JobResult result;
  result.id = 5;
  result.values = {1, 2};
  result.reasons = {"", "none"};
  const std::string two = encode_frame(FrameType::kReply, encode(result, true)) +
                          encode_frame(FrameType::kHello, encode(Hello{1, "a", "b", ""}));
  for (std::size_t split = 0; split <= two.size(); ++split) {
    FrameBuffer buffer;
    buffer.add(std::string_view(two).substr(0, split));
    int frames = 0;
    while (buffer.next()) ++frames;
    buffer.add(std::string_view(two).substr(split));
    while (buffer.next()) ++frames;
    EXPECT_EQ(frames, 2);
  }
}

TEST(Protocol, CutPayloadsAreRefusedNotRead) {
  Job job;
  job.title = "* t";
  job.body = "r1 a 0 1\n";
  job.calls = {{"value", {"v(a)"}, {{"at", 1}}, {{"edge", "rise"}}}};
  const std::string bytes = encode_run(job, 0, false);
  EXPECT_EQ(decode_run(bytes).calls, job.calls);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut)
    EXPECT_THROW(decode_run(std::string_view(bytes).substr(0, cut)), BadBytes) << cut;
}

}  // namespace
}  // namespace gaincell::characterize
