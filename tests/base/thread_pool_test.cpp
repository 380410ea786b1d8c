#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>

namespace gaincell {
namespace {

// The number of items differs from run to run: a thread that is late must not take one of the next
// run for one of its own.
TEST(ThreadPool, GivesOutEveryItemOnceInEveryRun) {
  for (const int threads : {1, 2, 3, 5}) {
    ThreadPool pool(threads);
    constexpr int kMost = 13;
    for (int run = 0; run < 3000; ++run) {
      const int items = run * 7 % (kMost + 1);
      std::atomic<int> given[kMost] = {};
      std::atomic<bool> known_thread = true;
      pool.run(items, [&](int item, int thread) {
        ++given[item];
        if (thread < 0 || thread >= threads) known_thread = false;
      });
      EXPECT_TRUE(known_thread);
      for (int item = 0; item < kMost; ++item)
        ASSERT_EQ(given[item], item < items ? 1 : 0)
            << threads << " threads, run " << run << ", item " << item << " of " << items;
    }
  }
}

TEST(ThreadPool, HelpsWithTheItemsOfAThreadThatIsBusy) {
  ThreadPool pool(2);
  std::atomic<int> done = 0;
  bool others_done = false;
  pool.run(8, [&](int item, int) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    if (item == 0) {  // the other thread does all the rest
      while (done < 7 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
      others_done = done == 7;
    }
    ++done;
  });
  EXPECT_TRUE(others_done);
  EXPECT_EQ(done, 8);
}

TEST(ThreadPool, ReturnsWhenTheOtherThreadsAreDoneToo) {
  ThreadPool pool(2);
  for (int run = 0; run < 20; ++run) {
    std::atomic<bool> taken_elsewhere = false;
    std::atomic<int> done = 0;
    pool.run(2, [&](int item, int) {
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
      if (item == 0)
        while (!taken_elsewhere && std::chrono::steady_clock::now() < deadline)
          std::this_thread::yield();
      taken_elsewhere = true;
      if (item == 1) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      ++done;
    });
    ASSERT_EQ(done, 2);
  }
}

TEST(ThreadPool, RunsMoreItemsThanAPartCounts) {
  ThreadPool pool(2);
  constexpr int kItems = 70000;
  const auto given = std::make_unique<std::atomic<std::uint8_t>[]>(kItems);
  pool.run(kItems, [&](int item, int) { ++given[item]; });
  for (int item = 0; item < kItems; ++item) ASSERT_EQ(given[item], 1) << item;
}

}  // namespace
}  // namespace gaincell
