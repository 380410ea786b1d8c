#include "attention/thread_pool.h"

namespace gaincell::attention {

ThreadPool::ThreadPool(int threads) {
  for (int thread = 1; thread < threads; ++thread)
    helpers_.emplace_back([this, thread] { help(thread); });
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  start_.notify_all();
}

void ThreadPool::run(int items, const std::function<void(int, int)>& work) {
  if (helpers_.empty()) {
    for (int item = 0; item < items; ++item) work(item, 0);
    return;
  }
  const std::lock_guard one(one_run_);
  {
    const std::lock_guard lock(mutex_);
    work_ = &work;
    items_ = items;
    next_ = finished_ = 0;
  }
  start_.notify_all();
  work_items(0);
  // A helper that has not woken yet finds nothing left; only items count.
  std::unique_lock lock(mutex_);
  done_.wait(lock, [this] { return finished_ == items_; });
}

void ThreadPool::help(int thread) {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      start_.wait(lock, [this] { return stop_ || next_ < items_; });
      if (stop_) return;
    }
    work_items(thread);
  }
}

void ThreadPool::work_items(int thread) {
  std::unique_lock lock(mutex_);
  while (next_ < items_) {
    const int item = next_++;
    const auto* work = work_;
    lock.unlock();
    (*work)(item, thread);
    lock.lock();
    if (++finished_ == items_) done_.notify_one();
  }
}

}  // namespace gaincell::attention
