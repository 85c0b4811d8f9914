#include "edge/net/rate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace gischat::edge::net {
namespace {

using std::chrono::milliseconds;

template <typename AnyBucket>
int TakeAll(AnyBucket& bucket, Rate::Clock::time_point now, int most = 1'000'000) {
  int taken = 0;
  while (taken < most && bucket.Take(now)) ++taken;
  return taken;
}

class BucketTest : public testing::Test {
 protected:
  Rate::Clock::time_point now_ = Rate::Clock::now();
};

TEST_F(BucketTest, LetsOneSecondsWorthThroughAtOnce) {
  for (const uint32_t rate : {1u, 3u, 7u, 20'000u, 100'000u}) {
    Bucket bucket{Rate(rate)};
    EXPECT_EQ(TakeAll(bucket, now_), static_cast<int>(rate));
    EXPECT_EQ(TakeAll(bucket, now_), 0);
  }
}

TEST_F(BucketTest, FillsAtItsRateAndSavesNoMoreThanASecond) {
  Bucket bucket{Rate(10)};
  EXPECT_EQ(TakeAll(bucket, now_), 10);
  EXPECT_EQ(TakeAll(bucket, now_ + milliseconds(99)), 0);
  EXPECT_EQ(TakeAll(bucket, now_ + milliseconds(350)), 3);
  EXPECT_EQ(TakeAll(bucket, now_ + std::chrono::hours(1)), 10);
}

TEST_F(BucketTest, WhatIsRefusedCostsNothing) {
  Bucket bucket{Rate(2)};
  EXPECT_EQ(TakeAll(bucket, now_), 2);
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(bucket.Take(now_));
  EXPECT_TRUE(bucket.Take(now_ + milliseconds(500)));
}

TEST_F(BucketTest, ZeroLetsEverythingThrough) {
  Bucket bucket{Rate(0)};
  SharedBucket shared{Rate(0)};
  EXPECT_EQ(TakeAll(bucket, now_), 1'000'000);
  EXPECT_EQ(TakeAll(shared, now_), 1'000'000);
}

TEST_F(BucketTest, IsSharedByThreadsWithoutGivingTooMuch) {
  constexpr int kRate = 100'000;
  SharedBucket bucket{Rate(kRate)};
  std::atomic<int> taken = 0;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { taken += TakeAll(bucket, now_); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, kRate);
  EXPECT_EQ(TakeAll(bucket, now_ + milliseconds(100)), kRate / 10);
}

}  // namespace
}  // namespace gischat::edge::net
