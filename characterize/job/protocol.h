#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "characterize/job/job.h"

// What parent and worker say to each other, over descriptors of their own (the worker reads
// kCommandFd and writes kReplyFd; its stdout and stderr are a log). A frame is
//   u32 magic  u8 type  u32 size of payload  u32 CRC-32 of payload  payload
namespace gaincell::characterize {

inline constexpr int kCommandFd = 3;
inline constexpr int kReplyFd = 4;
inline constexpr std::uint32_t kProtocolVersion = 3;
// In the log, ahead of what a dying worker had printed for its current job.
inline constexpr char kLogMark = '\x1e';
inline constexpr std::size_t kMaxPayload = std::size_t{256} << 20;

enum class FrameType : std::uint8_t {
  kHello = 1,  // worker, first: versions
  kHead = 2,   // parent: text that later decks begin with
  kRun = 3,    // parent: a job
  kReply = 4,  // worker: its result
};

struct Frame {
  FrameType type;
  std::string payload;
};

std::string encode_frame(FrameType type, std::string_view payload);

// Collects bytes and yields whole frames. Throws BadBytes for anything that is no frame.
class FrameBuffer {
 public:
  void add(std::string_view bytes) { bytes_ += bytes; }
  std::optional<Frame> next();

 private:
  std::string bytes_;
  std::size_t begin_ = 0;
};

struct Hello {
  std::uint32_t protocol = kProtocolVersion;
  std::string program_version;
  std::string ngspice_version;
  std::string unconfined;  // what of its sandbox the kernel does not offer; "" = all is in place
};
std::string encode(const Hello& hello);
Hello decode_hello(std::string_view bytes);

struct HeadMessage {
  std::uint32_t number;
  std::string text;
};
std::string encode(const HeadMessage& head);
HeadMessage decode_head(std::string_view bytes);

struct RunMessage {
  std::uint64_t id = 0;
  std::uint32_t head = 0;
  std::string title;
  std::string body;
  Proof proof;
  std::vector<MeasureCall> calls;
  std::vector<std::string> waveforms;
  std::string behaviour;
  double cpu_limit_s = 0;  // behind the parent's deadline
};
std::string encode_run(const Job& job, std::uint32_t head, bool aided);
RunMessage decode_run(std::string_view bytes);

// `last` tells the parent that the worker ends after this reply, because the simulator library
// cannot be used again.
std::string encode(const JobResult& result, bool last);
// Throws BadBytes also where what it says cannot be: a value that is measured and no number,
// waveforms of different lengths.
JobResult decode_result(std::string_view bytes, bool& last);
// Whether this can be the job's result: what a file holds may have any checksum.
bool fits(const Job& job, const JobResult& result);

// Part of both a run and a job's key.
std::string encode(const Proof& proof, const std::vector<MeasureCall>& calls);

}  // namespace gaincell::characterize
