#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace gaincell::attention {

// Threads that wait for work on numbered items. The caller works too, so `threads` of 1 starts
// none.
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

  std::mutex one_run_, mutex_;
  std::condition_variable start_, done_;
  const std::function<void(int, int)>* work_ = nullptr;
  int items_ = 0, next_ = 0, finished_ = 0;
  bool stop_ = false;
  std::vector<std::jthread> helpers_;
};

}  // namespace gaincell::attention
