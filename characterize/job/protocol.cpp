#include "characterize/job/protocol.h"

#include <cmath>

#include "characterize/job/wire.h"

namespace gaincell::characterize {
namespace {

constexpr std::uint32_t kMagic = 0x31434347;  // "GCC1"
constexpr std::size_t kHeaderSize = 13;

void put_texts(ByteWriter& out, const std::vector<std::string>& texts) {
  out.u64(texts.size());
  for (const std::string& text : texts) out.text(text);
}

void put(ByteWriter& out, const MeasureCall& call) {
  out.text(call.kind).u64(call.signals.size());
  for (const std::string& signal : call.signals) out.text(signal);
  out.u64(call.numbers.size());
  for (const auto& [name, value] : call.numbers) out.text(name).f64(value);
  out.u64(call.words.size());
  for (const auto& [name, value] : call.words) out.text(name).text(value);
  out.u64(call.derived.size());
  for (const auto& [name, derived] : call.derived) {
    out.text(name).text(derived.expression).u64(derived.known.size());
    for (const auto& [known, value] : derived.known) out.text(known).f64(value);
    out.u64(derived.results.size());
    for (const auto& [result, number] : derived.results) out.text(result).u32(number);
  }
}

Derived get_derived(ByteReader& in) {
  Derived derived;
  derived.expression = in.text();
  for (std::size_t k = in.count(12); k > 0; --k) {
    const std::string name = in.text();
    derived.known[name] = in.f64();
  }
  for (std::size_t k = in.count(8); k > 0; --k) {
    const std::string name = in.text();
    derived.results[name] = in.u32();
  }
  return derived;
}

MeasureCall get_call(ByteReader& in) {
  MeasureCall call;
  call.kind = in.text();
  for (std::size_t k = in.count(4); k > 0; --k) call.signals.push_back(in.text());
  for (std::size_t k = in.count(12); k > 0; --k) {
    const std::string name = in.text();
    call.numbers[name] = in.f64();
  }
  for (std::size_t k = in.count(8); k > 0; --k) {
    const std::string name = in.text();
    call.words[name] = in.text();
  }
  for (std::size_t k = in.count(24); k > 0; --k) {
    const std::string name = in.text();
    call.derived[name] = get_derived(in);
  }
  return call;
}

void put(ByteWriter& out, const Proof& proof) {
  out.text(proof.plot).f64(proof.end).u8(proof.has_end ? 1 : 0).u64(proof.count);
  out.u64(proof.axis.size());
  for (const double value : proof.axis) out.f64(value);
}

Proof get_proof(ByteReader& in) {
  Proof proof;
  proof.plot = in.text();
  proof.end = in.f64();
  proof.has_end = in.u8() != 0;
  proof.count = in.u64();
  for (std::size_t k = in.count(8); k > 0; --k) proof.axis.push_back(in.f64());
  return proof;
}

void require_possible(const JobResult& result) {
  if (!result.ok) return;
  for (std::size_t k = 0; k < result.values.size(); ++k) {
    if (result.reasons[k].empty() && !std::isfinite(result.values[k]))
      throw BadBytes("holds a measured value that is no number");
  }
  for (const auto& waveform : result.waveforms) {
    if (waveform.size() != result.waveforms.front().size())
      throw BadBytes("holds waveforms of different lengths");
  }
}

}  // namespace

std::string encode_frame(FrameType type, std::string_view payload) {
  ByteWriter out;
  out.u32(kMagic)
      .u8(static_cast<std::uint8_t>(type))
      .u32(static_cast<std::uint32_t>(payload.size()));
  out.u32(crc32(payload));
  std::string bytes = out.bytes();
  bytes += payload;
  return bytes;
}

std::optional<Frame> FrameBuffer::next() {
  const std::string_view rest = std::string_view(bytes_).substr(begin_);
  if (rest.size() < kHeaderSize) {
    // Garbage shows before a whole header has come.
    ByteWriter magic;
    magic.u32(kMagic);
    if (!magic.bytes().starts_with(rest.substr(0, 4))) throw BadBytes("is no frame");
    return std::nullopt;
  }
  ByteReader header(rest.substr(0, kHeaderSize));
  if (header.u32() != kMagic) throw BadBytes("is no frame");
  const std::uint8_t type = header.u8();
  const std::uint32_t size = header.u32();
  const std::uint32_t sum = header.u32();
  if (type < 1 || type > 4) throw BadBytes("is a frame of an unknown type");
  if (size > kMaxPayload) throw BadBytes("is a frame that is too long");
  if (rest.size() < kHeaderSize + size) return std::nullopt;
  Frame frame{static_cast<FrameType>(type), std::string(rest.substr(kHeaderSize, size))};
  if (crc32(frame.payload) != sum) throw BadBytes("is a frame with a wrong checksum");
  begin_ += kHeaderSize + size;
  if (begin_ == bytes_.size() || begin_ > (std::size_t{1} << 20)) {
    bytes_.erase(0, begin_);
    begin_ = 0;
  }
  return frame;
}

std::string encode(const Hello& hello) {
  return ByteWriter()
      .u32(hello.protocol)
      .text(hello.program_version)
      .text(hello.ngspice_version)
      .text(hello.unconfined)
      .bytes();
}

Hello decode_hello(std::string_view bytes) {
  ByteReader in(bytes);
  Hello hello;
  hello.protocol = in.u32();
  hello.program_version = in.text();
  hello.ngspice_version = in.text();
  // Others' hellos may be shorter: their version is all that matters then.
  if (hello.protocol == kProtocolVersion) hello.unconfined = in.text();
  return hello;
}

std::string encode(const HeadMessage& head) {
  return ByteWriter().u32(head.number).text(head.text).bytes();
}

HeadMessage decode_head(std::string_view bytes) {
  ByteReader in(bytes);
  HeadMessage head;
  head.number = in.u32();
  head.text = in.text();
  return head;
}

std::string encode(const Proof& proof, const std::vector<MeasureCall>& calls) {
  ByteWriter out;
  put(out, proof);
  out.u64(calls.size());
  for (const MeasureCall& call : calls) put(out, call);
  return out.bytes();
}

std::string encode_run(const Job& job, std::uint32_t head, bool aided) {
  ByteWriter out;
  out.u64(job.id).u32(head).f64(2 * job.timeout_s).text(job.title);
  std::string own = job.circuit ? job.circuit->text + job.body : job.body;
  if (aided && job.aids) own += *job.aids;
  out.text(own);
  put_texts(out, job.waveforms);
  out.text(job.behaviour);
  return out.bytes() + encode(job.proof, job.calls);
}

RunMessage decode_run(std::string_view bytes) {
  ByteReader in(bytes);
  RunMessage run;
  run.id = in.u64();
  run.head = in.u32();
  run.cpu_limit_s = in.f64();
  run.title = in.text();
  run.body = in.text();
  for (std::size_t k = in.count(4); k > 0; --k) run.waveforms.push_back(in.text());
  run.behaviour = in.text();
  run.proof = get_proof(in);
  for (std::size_t k = in.count(36); k > 0; --k) run.calls.push_back(get_call(in));
  if (!in.done()) throw BadBytes("is longer than it says");
  return run;
}

std::string encode(const JobResult& result, bool last) {
  ByteWriter out;
  out.u64(result.id).u8(last ? 1 : 0).u8(result.ok ? 1 : 0).u8(result.aided ? 1 : 0);
  out.u8(static_cast<std::uint8_t>(result.failure.why));
  out.text(result.failure.reason).text(result.failure.log_tail);
  out.u64(result.values.size());
  for (const double value : result.values) out.f64(value);
  for (const std::string& reason : result.reasons) out.text(reason);
  out.u64(result.waveforms.size());
  for (const auto& waveform : result.waveforms) {
    out.u64(waveform.size());
    for (const double value : waveform) out.f64(value);
  }
  out.f64(result.simulator_s).u64(result.steps);
  return out.bytes();
}

JobResult decode_result(std::string_view bytes, bool& last) {
  ByteReader in(bytes);
  JobResult result;
  result.id = in.u64();
  last = in.u8() != 0;
  result.ok = in.u8() != 0;
  result.aided = in.u8() != 0;
  const std::uint8_t why = in.u8();
  if (why > static_cast<std::uint8_t>(JobFailure::Why::kBadReply))
    throw BadBytes("names an unknown failure");
  result.failure.why = static_cast<JobFailure::Why>(why);
  result.failure.reason = in.text();
  result.failure.log_tail = in.text();
  const std::size_t count = in.count(12);
  for (std::size_t k = 0; k < count; ++k) result.values.push_back(in.f64());
  for (std::size_t k = 0; k < count; ++k) result.reasons.push_back(in.text());
  for (std::size_t k = in.count(8); k > 0; --k) {
    auto& waveform = result.waveforms.emplace_back(in.count(8));
    for (double& value : waveform) value = in.f64();
  }
  result.simulator_s = in.f64();
  result.steps = in.u64();
  if (!in.done()) throw BadBytes("is longer than it says");
  require_possible(result);
  return result;
}

bool fits(const Job& job, const JobResult& result) {
  if (!result.ok) return true;
  const std::size_t waveforms = job.waveforms.empty() ? 0 : job.waveforms.size() + 1;
  return result.values.size() == job.calls.size() && result.waveforms.size() == waveforms;
}

}  // namespace gaincell::characterize
