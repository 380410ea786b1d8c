#include "base/thread_pool.h"

#include <chrono>

namespace gaincell {
namespace {

constexpr int kMostItems = 0xffff;  // that a part's word has room for

// Tells the processor that this is a loop that waits.
void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// True as soon as done(), false when it was not for a while.
template <class Done>
bool soon(const Done& done) {
  constexpr std::chrono::microseconds kLookOut{100};
  const auto begin = std::chrono::steady_clock::now();
  do {
    for (int i = 0; i < 32; ++i) {
      if (done()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() - begin < kLookOut);
  return done();
}

}  // namespace

ThreadPool::ThreadPool(int threads) : parts_(threads) {
  for (int thread = 1; thread < threads; ++thread)
    helpers_.emplace_back([this, thread] { help(thread); });
}

ThreadPool::~ThreadPool() {
  stop_ = true;
  ++runs_;
  runs_.notify_all();
}

void ThreadPool::run(int items, const std::function<void(int, int)>& work) {
  if (helpers_.empty() || items < 2 || items > kMostItems) {
    for (int item = 0; item < items; ++item) work(item, 0);
    return;
  }
  const std::lock_guard one(one_run_);
  work_ = &work;
  unfinished_ = items;
  const std::uint32_t run = runs_ + 1;
  const auto begin_of = [&](int part) {
    return static_cast<std::uint64_t>(std::int64_t{items} * part / threads());
  };
  for (int part = 0; part < threads(); ++part)
    parts_[part].word = std::uint64_t{run} << 32 | begin_of(part + 1) << 16 | begin_of(part);
  runs_ = run;
  runs_.notify_all();
  work_items(0);
  if (soon([this] { return unfinished_ == 0; })) return;
  for (int left = unfinished_; left != 0; left = unfinished_) unfinished_.wait(left);
}

void ThreadPool::help(int thread) {
  std::uint32_t seen = 0;
  while (!stop_) {
    if (!soon([&] { return runs_ != seen; })) runs_.wait(seen);
    seen = runs_;
    work_items(thread);
  }
}

void ThreadPool::work_items(int thread) {
  for (int i = 0; i < threads(); ++i) work_part(parts_[(thread + i) % threads()], thread);
}

// An item is taken by counting the part's word up. Where that succeeds, the run whose number the
// word holds is not finished, so work_ read before is this run's.
void ThreadPool::work_part(Part& part, int thread) {
  for (std::uint64_t word = part.word;;) {
    const int item = word & kMostItems, end = word >> 16 & kMostItems;
    const auto* work = work_.load();
    if (item >= end) return;
    if (!part.word.compare_exchange_weak(word, word + 1)) continue;
    (*work)(item, thread);
    if (--unfinished_ == 0) unfinished_.notify_all();
    word = part.word;
  }
}

}  // namespace gaincell
