#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace gaincell::attention {

// Threads that wait for work on numbered items. The caller works too, so `threads` of 1 starts
// none. Runs come every few hundred microseconds or not at all, so a thread without work looks out
// for more for a moment before it sleeps: waking takes about as long as a run.
class ThreadPool {
 public:
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(helpers_.size()) + 1; }

  // work(item, thread) for items 0 .. items-1, each once, thread 0 .. threads()-1; returns when all
  // are done. Items must not throw. One call at a time; others wait.
  void run(int items, const std::function<void(int item, int thread)>& work);

 private:
  void help(int thread);
  void work_items(int thread);

  std::mutex one_run_;
  std::atomic<std::uint32_t> runs_{0};  // started so far; helpers sleep on it
  std::atomic<std::uint64_t> next_{0};  // run in the upper half, its next item in the lower
  std::atomic<int> items_{0}, unfinished_{0};
  std::atomic<const std::function<void(int, int)>*> work_{nullptr};
  std::atomic<bool> stop_{false};
  std::vector<std::jthread> helpers_;
};

}  // namespace gaincell::attention
