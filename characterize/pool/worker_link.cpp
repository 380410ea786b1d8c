#include "characterize/pool/worker_link.h"

#include <algorithm>

#include "characterize/job/wire.h"

namespace gaincell::characterize {
namespace {

constexpr std::size_t kLogTail = 8192;

}  // namespace

WorkerLink::WorkerLink(const std::filesystem::path& program, const std::filesystem::path& folder,
                       const std::vector<std::string>& arguments)
    : child_(program, folder, arguments) {}

void WorkerLink::send(const Job& job, bool aided) {
  auto known = std::find(heads_.begin(), heads_.end(), job.head.get());
  if (known == heads_.end()) {
    const HeadMessage message{static_cast<std::uint32_t>(heads_.size()), job.head->text};
    out_ += encode_frame(FrameType::kHead, encode(message));
    heads_.push_back(job.head.get());
    known = heads_.end() - 1;
  }
  const auto number = static_cast<std::uint32_t>(known - heads_.begin());
  out_ += encode_frame(FrameType::kRun, encode_run(job, number, aided));
}

void WorkerLink::flush() {
  while (!out_.empty()) {
    const ssize_t written = write_available(child_.command_fd(), out_);
    if (written <= 0) return;  // full; or broken, which the end of the replies shows
    out_.erase(0, static_cast<std::size_t>(written));
  }
}

void WorkerLink::receive() {
  read_log();
  in_.add(read_available(child_.reply_fd(), replies_open_));
}

void WorkerLink::read_log() {
  if (!log_open_) return;
  const std::string bytes = read_available(child_.log_fd(), log_open_);
  log_bytes_ += bytes.size();
  log_ += bytes;
  if (log_.size() > 2 * kLogTail) log_.erase(0, log_.size() - kLogTail);
}

std::optional<WorkerEvent> WorkerLink::next() {
  try {
    if (const auto frame = in_.next()) return event_of(*frame);
  } catch (const BadBytes& error) {
    return Nonsense{error.what()};
  }
  if (!replies_open_) return Silence{};
  return {};
}

WorkerEvent WorkerLink::event_of(const Frame& frame) {
  if (!greeted_) {
    if (frame.type != FrameType::kHello) throw BadBytes("is no hello");
    greeted_ = true;
    return decode_hello(frame.payload);
  }
  if (frame.type != FrameType::kReply) throw BadBytes("is no reply");
  Reply reply;
  reply.result = decode_result(frame.payload, reply.last);
  log_bytes_ = 0;
  return reply;
}

void WorkerLink::add_to(std::vector<pollfd>& fds) const {
  if (replies_open_) fds.push_back({child_.reply_fd(), POLLIN, 0});
  if (log_open_) fds.push_back({child_.log_fd(), POLLIN, 0});
  if (!out_.empty()) fds.push_back({child_.command_fd(), POLLOUT, 0});
}

std::string WorkerLink::log_tail() {
  read_log();
  const std::size_t mark = log_.rfind(kLogMark);
  std::string tail = mark == std::string::npos ? log_ : log_.substr(mark + 1);
  if (tail.size() > kLogTail) tail.erase(0, tail.size() - kLogTail);
  return tail;
}

}  // namespace gaincell::characterize
