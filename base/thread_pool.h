#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace gaincell {

// Threads that wait for work on numbered items. The caller works too, so `threads` of 1 starts
// none. Each thread begins with its own part of the items, the same in every run, so that what it
// holds in its cache serves again; then it helps out with the others'. Runs come every few hundred
// microseconds or not at all, so a thread without work looks out for more for a moment before it
// sleeps: waking takes about as long as a run.
class ThreadPool {
 public:
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(parts_.size()); }

  // work(item, thread) for items 0 .. items-1, each once, thread 0 .. threads()-1; returns when all
  // are done. Items must not throw. One call at a time; others wait.
  void run(int items, const std::function<void(int item, int thread)>& work);

 private:
  void help(int thread);
  void work_items(int thread);

  // A thread's part of the items, in a cache line of its own. In one word, so that nobody sees the
  // one of this run beside the other of the last: run (32 bits), end of the part (16), next item.
  struct alignas(64) Part {
    std::atomic<std::uint64_t> word{0};
  };
  void work_part(Part& part, int thread);

  std::mutex one_run_;
  std::atomic<std::uint32_t> runs_{0};  // started so far; helpers sleep on it
  std::vector<Part> parts_;             // one a thread
  std::atomic<int> unfinished_{0};
  std::atomic<const std::function<void(int, int)>*> work_{nullptr};
  std::atomic<bool> stop_{false};
  std::vector<std::jthread> helpers_;
};

}  // namespace gaincell
