#include "characterize/job/protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <set>

#include "characterize/job/wire.h"

namespace gaincell::characterize {
namespace {

std::string complaint(const std::function<void()>& read) {
  try {
    read();
  } catch (const BadBytes& wrong) {
    return wrong.what();
  }
  return "";
}

TEST(Wire, NumbersAreLittleEndian) {
  const std::string bytes =
      ByteWriter().u8(0xfe).u32(0x04030201).u64(0x8877665544332211).f64(-2).text("ab").bytes();
  EXPECT_EQ(bytes, std::string("\xfe\x01\x02\x03\x04\x11\x22\x33\x44\x55\x66\x77\x88"
                               "\0\0\0\0\0\0\0\xc0\2\0\0\0ab",
                               27));
  ByteReader in(bytes);
  EXPECT_EQ(in.u8(), 0xfe);
  EXPECT_EQ(in.u32(), 0x04030201u);
  EXPECT_EQ(in.u64(), 0x8877665544332211u);
  EXPECT_EQ(in.f64(), -2);
  EXPECT_FALSE(in.done());
  EXPECT_EQ(in.text(), "ab");
  EXPECT_TRUE(in.done());
}

// Else a short file makes its reader allocate what it likes.
TEST(Wire, CountThatTheBytesBehindItCannotHoldIsRefused) {
  const auto count = [](std::uint64_t number, std::size_t bytes, std::size_t least) {
    const std::string text = ByteWriter().u64(number).bytes() + std::string(bytes, 'x');
    return ByteReader(text).count(least);
  };
  EXPECT_EQ(count(0, 0, 8), 0u);
  EXPECT_EQ(count(3, 24, 8), 3u);
  EXPECT_EQ(count(3, 31, 8), 3u);
  EXPECT_THROW(count(3, 23, 8), BadBytes);
  EXPECT_THROW(count(4, 31, 8), BadBytes);
  EXPECT_THROW(count(std::numeric_limits<std::uint64_t>::max(), 24, 8), BadBytes);
}

// The check value of CRC-32 (ISO 3309).
TEST(Wire, ChecksumIsThatOfZip) { EXPECT_EQ(crc32("123456789"), 0xcbf43926u); }

TEST(Wire, RecordIsTakenWholeOrNotAtAll) {
  const std::string record = checked_record("payload");
  ASSERT_EQ(record.size(), 8u + 7u);
  for (std::size_t cut = 0; cut < record.size(); ++cut) {
    std::string_view bytes = std::string_view(record).substr(0, cut);
    EXPECT_FALSE(take_checked_record(bytes)) << cut;
    EXPECT_EQ(bytes.size(), cut);
  }
  const std::string more = record + checked_record("") + "x";
  std::string_view bytes = more;
  EXPECT_EQ(take_checked_record(bytes), "payload");
  EXPECT_EQ(take_checked_record(bytes), "");
  EXPECT_EQ(bytes, "x");
}

JobResult some_result() {
  JobResult result;
  result.id = 5;
  result.values = {1, std::nan("")};
  result.reasons = {"", "none"};
  return result;
}

TEST(Protocol, FramesSurviveAnySplit) {
  const std::string two = encode_frame(FrameType::kReply, encode(some_result(), true)) +
                          encode_frame(FrameType::kHello, encode(Hello{1, "a", "b", ""}));
  for (std::size_t split = 0; split <= two.size(); ++split) {
    FrameBuffer buffer;
    std::vector<FrameType> types;
    for (const std::string_view part :
         {std::string_view(two).substr(0, split), std::string_view(two).substr(split)}) {
      buffer.add(part);
      while (const auto frame = buffer.next()) types.push_back(frame->type);
    }
    EXPECT_EQ(types, (std::vector{FrameType::kReply, FrameType::kHello})) << split;
  }
}

TEST(Protocol, FrameHasMagicTypeSizeAndChecksumBeforeItsPayload) {
  EXPECT_EQ(encode_frame(FrameType::kRun, "123456789"),
            std::string("GCC1\x03\x09\0\0\0\x26\x39\xf4\xcb"
                        "123456789",
                        22));
}

TEST(Protocol, WhatIsNoFrameIsRefusedByWhatIsWrongWithIt) {
  const auto refusal = [](const std::string& bytes) {
    return complaint([&] {
      FrameBuffer buffer;
      buffer.add(bytes);
      while (buffer.next()) {
      }
    });
  };
  const std::string frame = encode_frame(FrameType::kReply, "payload");
  const auto with = [&](std::size_t at, char byte) {
    std::string other = frame;
    other[at] = byte;
    return other;
  };
  EXPECT_EQ(refusal(frame), "");
  EXPECT_EQ(refusal(frame + frame), "");
  EXPECT_EQ(refusal("H"), "is no frame");  // a program that prints to the wrong descriptor
  EXPECT_EQ(refusal("GCCx"), "is no frame");
  EXPECT_EQ(refusal("GC"), "");
  EXPECT_EQ(refusal(with(0, 'g')), "is no frame");
  EXPECT_EQ(refusal(frame + "no frame of ours"), "is no frame");
  EXPECT_EQ(refusal(with(4, 0)), "is a frame of an unknown type");
  EXPECT_EQ(refusal(with(4, 5)), "is a frame of an unknown type");
  for (const char type : std::string_view("\x01\x02\x03\x04"))
    EXPECT_EQ(refusal(with(4, type)), "") << int{type};
  for (const std::size_t at : {9u, 12u, 13u, 19u})
    EXPECT_EQ(refusal(with(at, '~')), "is a frame with a wrong checksum") << at;
}

// Before its payload is waited for.
TEST(Protocol, LongestPayloadIsAMeasureOfTheHeader) {
  const auto header = [](std::size_t size) {
    return ByteWriter().u32(0x31434347).u8(4).u32(static_cast<std::uint32_t>(size)).u32(0).bytes();
  };
  FrameBuffer buffer;
  buffer.add(header(kMaxPayload));
  EXPECT_EQ(buffer.next(), std::nullopt);
  FrameBuffer other;
  other.add(header(kMaxPayload + 1));
  EXPECT_EQ(complaint([&] { other.next(); }), "is a frame that is too long");
}

Job some_job() {
  Job job;
  job.id = 11;
  job.title = "* t";
  job.circuit = std::make_shared<const DeckHead>(DeckHead{"c1 a 0 1p\n", "sum"});
  job.body = "r1 a 0 1\n";
  job.aids = std::make_shared<const std::string>(".options gmin=1n\n");
  job.proof = {.plot = "tran1", .end = 3e-9, .has_end = true, .count = 4, .axis = {0, 1.5}};
  job.calls = {{"value", {"v(a)", "v(b)"}, {{"at", 1}, {"to", 2}}, {{"edge", "rise"}}},
               {"formula",
                {},
                {},
                {},
                {{"formula", {"x+y+z", {{"x", 0.5}, {"z", 2}}, {{"y", 0}, {"w", 1}}}}}}};
  job.waveforms = {"v(a)", "i(v1)"};
  job.behaviour = "ps";
  job.timeout_s = 7;
  return job;
}

TEST(Protocol, AllOfARunArrives) {
  const Job job = some_job();
  const RunMessage run = decode_run(encode_run(job, 3, false));
  EXPECT_EQ(run.id, 11u);
  EXPECT_EQ(run.head, 3u);
  EXPECT_EQ(run.title, "* t");
  EXPECT_EQ(run.body, "c1 a 0 1p\nr1 a 0 1\n");
  EXPECT_EQ(run.calls, job.calls);
  EXPECT_EQ(run.waveforms, job.waveforms);
  EXPECT_EQ(run.behaviour, "ps");
  EXPECT_EQ(run.cpu_limit_s, 14);  // behind the parent's deadline
  EXPECT_EQ(run.proof.plot, "tran1");
  EXPECT_EQ(run.proof.end, 3e-9);
  EXPECT_TRUE(run.proof.has_end);
  EXPECT_EQ(run.proof.count, 4u);
  EXPECT_EQ(run.proof.axis, (std::vector<double>{0, 1.5}));
  EXPECT_EQ(decode_run(encode_run(job, 3, true)).body, "c1 a 0 1p\nr1 a 0 1\n.options gmin=1n\n");
}

TEST(JobKey, FollowsFromAllThatTheResultFollowsFrom) {
  const auto deck = [](const char* sha256) {
    return std::make_shared<const DeckHead>(DeckHead{"", sha256});
  };
  Job job = some_job();
  job.head = deck("head");
  const std::function<void(Job&)> changes[] = {
      [&](Job& one) { one.head = deck("other"); },
      [](Job& one) { one.title += "."; },
      [&](Job& one) { one.circuit = deck("other"); },
      [](Job& one) { one.circuit = nullptr; },
      [](Job& one) { one.body = "r1 a 0 2\n"; },
      [](Job& one) { one.aids = nullptr; },
      [](Job& one) { one.proof.count = 5; },
      [](Job& one) { one.calls.pop_back(); },
      [](Job& one) { one.calls[0].numbers["at"] = 1.5; },
      [](Job& one) { one.waveforms[1] = "i(v2)"; },
      [](Job& one) { one.waveforms.pop_back(); },
      [](Job& one) { one.behaviour = "hs"; },
      // Where one text ends and the next begins counts too.
      [](Job& one) {
        one.body += *one.aids;
        one.aids = std::make_shared<const std::string>();
      },
  };
  std::set<std::string> keys{job.key()};
  for (const auto& change : changes) {
    Job one = job;
    change(one);
    keys.insert(one.key());
  }
  EXPECT_EQ(keys.size(), 1 + std::size(changes));
  Job same = job;
  same.id = 12;
  same.timeout_s = 8;
  same.memory_bytes = 1 << 30;
  EXPECT_EQ(same.key(), job.key());
}

TEST(Protocol, CutOrLongerPayloadsAreRefusedNotRead) {
  const std::string bytes = encode_run(some_job(), 0, false);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut)
    EXPECT_THROW(decode_run(std::string_view(bytes).substr(0, cut)), BadBytes) << cut;
  EXPECT_THROW(decode_run(bytes + '\0'), BadBytes);

  JobResult result = some_result();
  result.waveforms = {{0, 1}, {2, 3}};
  const std::string reply = encode(result, false);
  bool last = false;
  for (std::size_t cut = 0; cut < reply.size(); ++cut)
    EXPECT_THROW(decode_result(std::string_view(reply).substr(0, cut), last), BadBytes) << cut;
  EXPECT_THROW(decode_result(reply + '\0', last), BadBytes);
}

TEST(Protocol, AllOfAResultArrives) {
  JobResult result = some_result();
  result.ok = true;
  result.aided = true;
  result.waveforms = {{0, 1}, {2, 3}};
  result.simulator_s = 0.25;
  result.steps = 9;
  bool last = false;
  const JobResult good = decode_result(encode(result, true), last);
  EXPECT_TRUE(last);
  EXPECT_EQ(good.id, 5u);
  EXPECT_TRUE(good.ok);
  EXPECT_TRUE(good.aided);
  EXPECT_EQ(good.values[0], 1);
  EXPECT_EQ(good.reasons, result.reasons);
  EXPECT_EQ(good.waveforms, result.waveforms);
  EXPECT_EQ(good.simulator_s, 0.25);
  EXPECT_EQ(good.steps, 9u);

  JobResult failed;
  failed.failure = {JobFailure::Why::kBadReply, "reason", "log"};
  const JobResult bad = decode_result(encode(failed, false), last);
  EXPECT_FALSE(last);
  EXPECT_FALSE(bad.ok);
  EXPECT_FALSE(bad.aided);
  EXPECT_EQ(bad.failure.why, JobFailure::Why::kBadReply);
  EXPECT_EQ(bad.failure.reason, "reason");
  EXPECT_EQ(bad.failure.log_tail, "log");
}

TEST(Protocol, ResultThatCannotBeIsRefused) {
  bool last = false;
  const auto refusal = [&](const JobResult& result) {
    return complaint([&] { decode_result(encode(result, false), last); });
  };
  JobResult result = some_result();
  result.ok = true;
  EXPECT_EQ(refusal(result), "");  // what was not measured may be no number
  result.reasons[1] = "";
  EXPECT_EQ(refusal(result), "holds a measured value that is no number");
  result.values[1] = 2;
  EXPECT_EQ(refusal(result), "");
  result.waveforms = {{0, 1}, {0}};
  EXPECT_EQ(refusal(result), "holds waveforms of different lengths");
  std::string unknown = encode(JobResult{}, false);
  unknown[11] = static_cast<char>(static_cast<int>(JobFailure::Why::kBadReply) + 1);
  EXPECT_EQ(complaint([&] { decode_result(unknown, last); }), "names an unknown failure");
}

TEST(Protocol, ResultFitsAJobThatAsksForAsMuch) {
  Job job = some_job();
  JobResult result = some_result();
  result.ok = true;
  result.waveforms = {{0}, {1}, {2}};  // the scale and two signals
  EXPECT_TRUE(fits(job, result));
  result.waveforms.pop_back();
  EXPECT_FALSE(fits(job, result));
  result.waveforms.clear();
  EXPECT_FALSE(fits(job, result));
  job.waveforms.clear();
  EXPECT_TRUE(fits(job, result));
  job.calls.pop_back();
  EXPECT_FALSE(fits(job, result));
  result.ok = false;  // a failure has neither
  EXPECT_TRUE(fits(job, result));
}

TEST(Protocol, HelloOfAnotherVersionIsReadAsFarAsItMustBe) {
  const std::string ours = encode(Hello{kProtocolVersion, "a", "b", "landlock"});
  EXPECT_EQ(decode_hello(ours).program_version, "a");
  EXPECT_EQ(decode_hello(ours).ngspice_version, "b");
  EXPECT_EQ(decode_hello(ours).unconfined, "landlock");
  const std::string older = ByteWriter().u32(kProtocolVersion - 1).text("a").text("b").bytes();
  EXPECT_EQ(decode_hello(older).protocol, kProtocolVersion - 1);
  EXPECT_THROW(decode_hello(ours.substr(0, ours.size() - 1)), BadBytes);
}

TEST(Protocol, HeadArrives) {
  const HeadMessage head = decode_head(encode(HeadMessage{7, ".model d d\n"}));
  EXPECT_EQ(head.number, 7u);
  EXPECT_EQ(head.text, ".model d d\n");
}

}  // namespace
}  // namespace gaincell::characterize
