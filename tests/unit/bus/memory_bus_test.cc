#include "common/bus/memory_bus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/support/loop_thread.h"
#include "tests/support/manual_clock.h"
#include "tests/support/run_until.h"
#include "tests/support/wait_until.h"

namespace gischat::tests {
namespace {

using bus::Batch;
using bus::EventPtr;
using bus::MemoryBus;
using bus::Receipt;

// Checks what it hears, and counts.
class OrderCheck : public bus::Listener {
 public:
  void OnEvent(const EventPtr& event) override {
    if (inside_.exchange(true)) ++overlaps;
    if (event->position.offset != last_ + 1) ++out_of_order;
    last_ = event->position.offset;
    inside_ = false;
    ++heard;
  }
  void OnResumed() override { ++resumed; }

  std::atomic<uint64_t> heard = 0;
  std::atomic<int> resumed = 0;
  std::atomic<int> overlaps = 0;
  std::atomic<int> out_of_order = 0;

 private:
  std::atomic<bool> inside_ = false;
  uint64_t last_ = 0;
};

Receipt PublishNow(MemoryBus& bus, Batch batch) {
  Receipt receipt;
  bus.Publish("QGIS", std::move(batch),
              [&](absl::StatusOr<Receipt> result) { receipt = result.value(); });
  return receipt;
}

Batch One(const std::string& publisher, uint64_t sequence) {
  return {.publisher = publisher, .first_sequence = sequence, .drafts = {{"payload", true}}};
}

bus::LogSlice Log(MemoryBus& bus, bus::Position after) {
  bus::LogSlice slice;
  bus.ReadLog("QGIS", after,
              [&](absl::StatusOr<bus::LogSlice> result) { slice = *std::move(result); });
  return slice;
}

TEST(MemoryBus, ListenersHearConcurrentPublishersInOrderOneEventAtATime) {
  constexpr uint64_t kEach = 2000;
  LoopThread loop;
  MemoryBus bus(loop.loop(), {});
  auto listener = std::make_shared<OrderCheck>();
  auto subscription = bus.Subscribe("QGIS", listener);

  std::vector<std::thread> publishers;
  publishers.reserve(4);
  for (int p = 0; p < 3; ++p) {
    publishers.emplace_back([&, name = std::to_string(p)] {
      for (uint64_t i = 1; i <= kEach; ++i) PublishNow(bus, One(name, i));
    });
  }
  publishers.emplace_back([&] {
    for (uint64_t i = 1; i <= kEach; ++i) bus.Append("QGIS", "event of a store", false);
  });
  for (std::thread& publisher : publishers) publisher.join();

  EXPECT_TRUE(WaitUntil([&] { return listener->heard == 4 * kEach; }));
  EXPECT_EQ(listener->out_of_order, 0);
  EXPECT_EQ(listener->overlaps, 0);
  EXPECT_EQ(listener->resumed, 1);
  loop.Stop();
}

TEST(MemoryBus, CallsNobodyFromWithinAppend) {
  boost::asio::io_context loop;
  MemoryBus bus(loop, {});
  auto listener = std::make_shared<OrderCheck>();
  auto subscription = bus.Subscribe("QGIS", listener);

  bus.Append("QGIS", "one", true);
  PublishNow(bus, One("edge", 1));
  EXPECT_EQ(listener->heard, 0u);

  Settle(loop);
  EXPECT_EQ(listener->heard, 2u);
}

TEST(MemoryBus, EndedSubscriptionHearsNothingMore) {
  boost::asio::io_context loop;
  MemoryBus bus(loop, {});
  auto listener = std::make_shared<OrderCheck>();
  auto subscription = bus.Subscribe("QGIS", listener);
  bus.Append("QGIS", "under way", true);

  subscription.reset();
  Settle(loop);

  EXPECT_EQ(listener->heard, 0u);
  EXPECT_EQ(listener->resumed, 0);
}

TEST(MemoryBus, SubscriptionsComeAndGoWhilePublishersRun) {
  LoopThread loop;
  MemoryBus bus(loop.loop(), {});
  std::atomic<bool> stop = false;
  std::thread publisher([&] {
    while (!stop) bus.Append("QGIS", "event", false);
  });
  for (int i = 0; i < 200; ++i) {
    auto listener = std::make_shared<OrderCheck>();
    auto subscription = bus.Subscribe("QGIS", listener);
    ASSERT_TRUE(WaitUntil([&] { return listener->heard > 0; }));
    EXPECT_LE(listener->out_of_order, 1);  // it begins in the middle
  }
  stop = true;
  publisher.join();
  loop.Stop();
}

TEST(MemoryBus, SeriesIsKnownForTenMinutesAfterItsLastUse) {
  boost::asio::io_context loop;
  ManualClock clock;
  MemoryBus bus(loop, {}, clock);
  PublishNow(bus, One("edge", 1));
  clock.Advance(absl::Minutes(9));
  PublishNow(bus, One("edge", 2));
  clock.Advance(absl::Minutes(9));
  EXPECT_EQ(PublishNow(bus, One("edge", 2)).next_sequence, 3u);

  clock.Advance(absl::Minutes(12));
  const Receipt receipt = PublishNow(bus, One("edge", 3));
  EXPECT_EQ(receipt.outcome, Receipt::Outcome::kGap);
  EXPECT_EQ(receipt.next_sequence, 1u);
}

TEST(MemoryBus, LogForgetsWhatIsOlderThanItsAge) {
  boost::asio::io_context loop;
  ManualClock clock;
  MemoryBus bus(loop, {.log_age = absl::Seconds(60)}, clock);
  const uint64_t epoch = bus.Append("QGIS", "old", false).epoch;
  clock.Advance(absl::Seconds(60));
  bus.Append("QGIS", "new", false);
  EXPECT_EQ(Log(bus, {epoch, 0}).events.size(), 2u);

  clock.Advance(absl::Seconds(1));
  bus.Append("QGIS", "newest", false);
  EXPECT_FALSE(Log(bus, {epoch, 0}).complete);
  EXPECT_EQ(Log(bus, {epoch, 1}).events.size(), 2u);
}

TEST(MemoryBus, DeadlineIsTheLastMomentThatCounts) {
  boost::asio::io_context loop;
  ManualClock clock;
  MemoryBus bus(loop, {}, clock);
  Batch batch = One("edge", 1);
  batch.deadline = clock.Now();
  EXPECT_EQ(PublishNow(bus, batch).outcome, Receipt::Outcome::kPublished);
  batch = One("edge", 2);
  batch.deadline = clock.Now() - absl::Nanoseconds(1);
  EXPECT_EQ(PublishNow(bus, batch).outcome, Receipt::Outcome::kExpired);
}

TEST(MemoryBus, HugeSequenceIsAGap) {
  boost::asio::io_context loop;
  MemoryBus bus(loop, {});
  const Receipt receipt = PublishNow(bus, One("edge", UINT64_MAX));
  EXPECT_EQ(receipt.outcome, Receipt::Outcome::kGap);
  EXPECT_EQ(receipt.next_sequence, 1u);
}

}  // namespace
}  // namespace gischat::tests
