#include "common/loop/doorbell.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <memory>
#include <thread>
#include <vector>

#include "tests/support/loop_thread.h"
#include "tests/support/run_until.h"
#include "tests/support/wait_until.h"

namespace gischat::tests {
namespace {

using loop::Doorbell;

TEST(Doorbell, RingsOfOneMomentAreAnsweredOnce) {
  boost::asio::io_context loop;
  int answers = 0;
  Doorbell bell(loop, [&answers] { ++answers; });
  Settle(loop);
  EXPECT_EQ(answers, 0);

  for (int i = 0; i < 3; ++i) bell.Ring();
  Settle(loop);
  EXPECT_EQ(answers, 1);

  bell.Ring();
  Settle(loop);
  EXPECT_EQ(answers, 2);
}

TEST(Doorbell, RingDuringTheAnswerIsAnsweredAgain) {
  boost::asio::io_context loop;
  int answers = 0;
  Doorbell* self = nullptr;
  Doorbell bell(loop, [&] {
    if (++answers < 3) self->Ring();
  });
  self = &bell;
  bell.Ring();
  Settle(loop);
  EXPECT_EQ(answers, 3);
}

TEST(Doorbell, NoRingOfAnyThreadIsMissed) {
  constexpr int kThreads = 4;
  constexpr int kRings = 2000;
  LoopThread loop;
  std::atomic<int> asked = 0;
  std::atomic<int> seen = 0;
  std::atomic<bool> within = false;
  Doorbell bell(loop.loop(), [&] {
    EXPECT_FALSE(within.exchange(true));
    seen = asked.load();
    within = false;
  });
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int ring = 0; ring < kRings; ++ring) {
        ++asked;
        bell.Ring();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(WaitUntil([&] { return seen == kThreads * kRings; }));
  loop.Stop();
}

TEST(Doorbell, IsSilentAfterItsEndOnTheLoop) {
  boost::asio::io_context loop;
  int answers = 0;
  auto bell = std::make_unique<Doorbell>(loop, [&answers] { ++answers; });
  bell->Ring();
  boost::asio::post(loop, [&bell] { bell.reset(); });
  loop.run();  // ends: nothing is left to wait for
  EXPECT_EQ(answers, 0);
}

TEST(Doorbell, IsSilentAfterItsEndThoughItRangDuringTheAnswer) {
  boost::asio::io_context loop;
  int answers = 0;
  std::unique_ptr<Doorbell> bell;
  bell = std::make_unique<Doorbell>(loop, [&] {
    ++answers;
    bell->Ring();
    boost::asio::post(loop, [&bell] { bell.reset(); });
  });
  bell->Ring();
  loop.run();
  EXPECT_EQ(answers, 1);
}

TEST(Doorbell, MayEndInItsAnswer) {
  boost::asio::io_context loop;
  int answers = 0;
  std::unique_ptr<Doorbell> bell;
  const auto kept = std::make_shared<int>(0);
  bell = std::make_unique<Doorbell>(loop, [&answers, &bell, kept] {
    bell.reset();
    answers += 1 + *kept;
  });
  bell->Ring();
  loop.run();
  EXPECT_EQ(answers, 1);
  EXPECT_EQ(kept.use_count(), 1);
}

TEST(Doorbell, GoesWhileTheLoopRuns) {
  LoopThread loop;
  const auto kept = std::make_shared<std::atomic<int>>(0);
  for (int i = 0; i < 500; ++i) {
    Doorbell bell(loop.loop(), [kept] { ++*kept; });
    bell.Ring();
  }
  EXPECT_TRUE(WaitUntil([&] { return kept.use_count() == 1; }));
  loop.Stop();
}

TEST(Doorbell, LoopMayGoWithoutHavingRun) {
  const auto kept = std::make_shared<int>(0);
  {
    boost::asio::io_context loop;
    Doorbell bell(loop, [kept] { FAIL(); });
    bell.Ring();
  }
  EXPECT_EQ(kept.use_count(), 1);
}

}  // namespace
}  // namespace gischat::tests
