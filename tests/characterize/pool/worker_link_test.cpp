#include "characterize/pool/worker_link.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <memory>
#include <vector>

#include "characterize/pool/loss.h"
#include "tests/characterize/support.h"

namespace gaincell::characterize {
namespace {

using ::testing::HasSubstr;

class WorkerLinkTest : public BenchTest {
 protected:
  // The fake worker, which behaves as its name says when it gets job 3.
  WorkerLink& start(const std::string& behaviour) {
    const std::string program = path(behaviour);
    std::filesystem::create_symlink(
        std::filesystem::path(GAINCELL_BINARY_DIR) / "tests" / "fake_worker", program);
    link_.emplace(program, path(""), std::vector<std::string>{});
    return *link_;
  }
  void send(std::uint64_t id) {
    Job job;
    job.id = id;
    job.head = head_;
    job.calls = {{"value", {"v(a)"}, {}, {}}};
    link_->send(job, false);
    link_->flush();
  }
  // Waits for the next.
  WorkerEvent event() {
    while (true) {
      if (auto next = link_->next()) return *next;
      std::vector<pollfd> fds;
      link_->add_to(fds);
      ::poll(fds.data(), fds.size(), 1000);
      link_->receive();
    }
  }
  template <typename Kind>
  Kind expect() {
    const WorkerEvent next = event();
    EXPECT_TRUE(std::holds_alternative<Kind>(next)) << next.index();
    return std::holds_alternative<Kind>(next) ? std::get<Kind>(next) : Kind{};
  }
  std::shared_ptr<const DeckHead> head_ = std::make_shared<DeckHead>(DeckHead{"head\n", "hash"});
  std::optional<WorkerLink> link_;
};

TEST_F(WorkerLinkTest, HelloComesFirstThenAReplyForEachJob) {
  start("fine");
  EXPECT_EQ(expect<Hello>().ngspice_version, "fake");
  for (const std::uint64_t id : {5u, 6u}) send(id);
  for (const std::uint64_t id : {5u, 6u}) {
    const auto reply = expect<Reply>();
    EXPECT_EQ(reply.result.id, id);
    EXPECT_FALSE(reply.last);
  }
}

TEST_F(WorkerLinkTest, AReplyMayBeTheLast) {
  start("last");
  expect<Hello>();
  send(3);
  EXPECT_TRUE(expect<Reply>().last);
  expect<Silence>();
}

TEST_F(WorkerLinkTest, WhatComesAheadOfHelloIsNonsense) {
  start("no_hello");
  EXPECT_THAT(expect<Nonsense>().what, HasSubstr("is no frame"));
}

TEST_F(WorkerLinkTest, BytesThatAreNoFrameAreNonsense) {
  start("garbage");
  expect<Hello>();
  send(3);
  EXPECT_THAT(expect<Nonsense>().what, HasSubstr("is no frame"));
}

TEST_F(WorkerLinkTest, AnEndIsSilenceAndThenANumber) {
  start("exit");
  expect<Hello>();
  send(3);
  expect<Silence>();
  EXPECT_EQ(link_->stop(30).exit_code, 7);
}

TEST_F(WorkerLinkTest, AWorkerThatNoLongerListensIsNoEndOfOurs) {
  const auto writes = [&] {
    ::signal(SIGPIPE, SIG_DFL);
    start("deaf");
    expect<Hello>();
    send(3);
    for (int k = 0; k < 200; ++k) {
      send(4);
      ::usleep(5'000);
    }
    return true;
  };
  EXPECT_EXIT(::_exit(writes() ? 0 : 1), ::testing::ExitedWithCode(0), "");
}

TEST_F(WorkerLinkTest, TheLogOfADyingWorkerIsThatOfItsLastJob) {
  start("marked");
  expect<Hello>();
  send(3);
  expect<Silence>();
  EXPECT_EQ(link_->log_tail(), "of this job\n");
}

TEST_F(WorkerLinkTest, TheLogIsCountedFromTheLastReply) {
  start("crash");
  expect<Hello>();
  send(3);
  expect<Silence>();
  link_->receive();
  EXPECT_EQ(link_->log_bytes(), std::string("last words\n").size());
}

TEST(LossTest, OnlyAKillFromOutsideIsOne) {
  EXPECT_TRUE(killed_from_outside(Died{{.exit_code = 0, .signal = SIGKILL}}));
  EXPECT_FALSE(killed_from_outside(Died{{.exit_code = 0, .signal = SIGSEGV}}));
  EXPECT_FALSE(killed_from_outside(Died{{.exit_code = 9, .signal = 0}}));
  EXPECT_FALSE(killed_from_outside(OutOfProcessorTime{2}));
}

TEST(LossTest, OfItsJobAreTimeAndMemoryAlone) {
  EXPECT_TRUE(of_its_job(TookTooLong{1}));
  EXPECT_TRUE(of_its_job(GrewTooLarge{1}));
  for (const Loss& loss : {Loss(Died{}), Loss(OutOfProcessorTime{2}), Loss(FloodedLog{}),
                           Loss(Nonsense{}), Loss(OtherVersion{}), Loss(NoHello{})})
    EXPECT_FALSE(of_its_job(loss)) << wording(loss);
}

TEST(LossTest, ReasonsNameTheNumber) {
  EXPECT_EQ(wording(Died{{.exit_code = 7, .signal = 0}}), "the worker died (exit 7)");
  EXPECT_EQ(wording(Died{{.exit_code = 0, .signal = 11}}), "the worker died (signal 11)");
  EXPECT_EQ(wording(TookTooLong{0.4}), "took longer than 0.4 s");
  EXPECT_EQ(wording(GrewTooLarge{std::size_t{300} << 20}), "needed more than 300 MiB of memory");
  EXPECT_EQ(wording(Nonsense{"is no reply"}), "what the worker sent is no reply");
}

}  // namespace
}  // namespace gaincell::characterize
