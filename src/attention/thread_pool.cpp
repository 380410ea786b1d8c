#include "attention/thread_pool.h"

#include <hwy/cache_control.h>

#include <chrono>

namespace gaincell::attention {
namespace {

// True as soon as done(), false when it was not for a while.
template <class Done>
bool soon(const Done& done) {
  constexpr std::chrono::microseconds kLookOut{100};
  const auto begin = std::chrono::steady_clock::now();
  do {
    for (int i = 0; i < 32; ++i) {
      if (done()) return true;
      hwy::Pause();
    }
  } while (std::chrono::steady_clock::now() - begin < kLookOut);
  return done();
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  for (int thread = 1; thread < threads; ++thread)
    helpers_.emplace_back([this, thread] { help(thread); });
}

ThreadPool::~ThreadPool() {
  stop_ = true;
  ++runs_;
  runs_.notify_all();
}

void ThreadPool::run(int items, const std::function<void(int, int)>& work) {
  if (helpers_.empty()) {
    for (int item = 0; item < items; ++item) work(item, 0);
    return;
  }
  const std::lock_guard one(one_run_);
  items_ = items;
  work_ = &work;
  unfinished_ = items;
  const std::uint32_t run = runs_ + 1;
  next_ = std::uint64_t{run} << 32;
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

// An item is taken by counting next_ up. Where that succeeds, the run whose number it holds is not
// finished, so items_ and work_ read before are this run's.
void ThreadPool::work_items(int thread) {
  for (std::uint64_t next = next_;;) {
    const auto item = static_cast<int>(next & 0xffffffffu);
    const auto* work = work_.load();
    if (item >= items_) return;
    if (!next_.compare_exchange_weak(next, next + 1)) continue;
    (*work)(item, thread);
    if (--unfinished_ == 0) unfinished_.notify_all();
    next = next_;
  }
}

}  // namespace gaincell::attention
