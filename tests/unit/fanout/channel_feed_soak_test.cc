// Whatever goes wrong on the way, in whatever order: no hole and no double.
#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <atomic>
#include <random>
#include <thread>

#include "common/bus/memory_bus.h"
#include "services/fanout/channel_feed.h"
#include "tests/support/loop_thread.h"
#include "tests/support/wait_until.h"
#include "tests/unit/fanout/fake_bus.h"

namespace gischat::tests {
namespace {

using bus::Position;
using fanout::ChannelFeed;

// A sink that is told where it stands by each item, and that objects to holes and doubles.
struct Follower {
  explicit Follower(Position from) : at(from) {
    sink->check = [this](const fanout::v1::Item& item) {
      if (item.has_snapshot()) {
        at = {item.snapshot().epoch(), item.snapshot().offset()};
        return;
      }
      const Position next{item.event().epoch(), item.event().offset()};
      // An epoch that goes on after lost writes begins at or before where we are.
      const bool follows =
          next.epoch == at.epoch ? next.offset == at.offset + 1 : next.offset <= at.offset + 1;
      EXPECT_TRUE(follows) << next.epoch << ":" << next.offset << " after " << at.epoch << ":"
                           << at.offset;
      at = next;
    };
  }

  std::shared_ptr<ListSink> sink = std::make_shared<ListSink>();
  Position at;
};

class Soak : public ::testing::TestWithParam<uint32_t> {
 protected:
  uint32_t Random(uint32_t below) { return static_cast<uint32_t>(random_()) % below; }

  void Append() {
    const bus::EventPtr event = bus_.Append(Random(3) == 0);
    if (Random(5) > 0) bus_.Tell(event);    // sometimes lost on the way
    if (Random(20) == 0) bus_.Tell(event);  // sometimes doubled
  }

  void Disturb() {
    switch (Random(9)) {
      case 0:
        return bus_.Resume();
      case 1:
        return bus_.HoldReads(Random(2) == 0);
      case 2:
        return bus_.TrimLog(Random(30));
      case 3:
        return bus_.BeginEpoch(Random(3), Random(3) > 0);
      case 4:
        followers_.push_back(std::make_unique<Follower>(Position{}));
        return feed_->Attach(followers_.back()->sink, {});
      case 5:
        return Reattach();
      case 6:
        if (bus_.held() > 0) Random(4) == 0 ? bus_.FailOne() : bus_.AnswerOne();
        return;
      case 7:
        if (bus_.held() > 0) bus_.RunOne();
        return;
      default:
        if (bus_.answers() > 0) bus_.DeliverOne();
    }
  }

  // One leaves and resumes where it was.
  void Reattach() {
    if (followers_.empty()) return;
    auto& follower = followers_[Random(static_cast<uint32_t>(followers_.size()))];
    feed_->Detach(follower->sink.get());
    const Position at = follower->at;
    follower = std::make_unique<Follower>(at);
    feed_->Attach(follower->sink, at);
  }

  // Everything works again, and everybody arrives.
  void Settle() {
    bus_.HoldReads(false);
    while (bus_.answers() > 0) bus_.DeliverOne();
    while (bus_.held() > 0) bus_.AnswerOne();
    bus_.Resume();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!AllArrived() && std::chrono::steady_clock::now() < deadline) {
      loop_.restart();
      loop_.run_one_until(deadline);
    }
    for (const auto& follower : followers_) EXPECT_EQ(follower->at, bus_.position());
  }

  bool AllArrived() const {
    for (const auto& follower : followers_) {
      if (follower->at != bus_.position()) return false;
    }
    return true;
  }

  std::minstd_rand random_{GetParam()};
  boost::asio::io_context loop_;
  prometheus::Registry registry_;
  fanout::Metrics metrics_{registry_};
  FakeBus bus_;
  std::shared_ptr<ChannelFeed> feed_ = std::make_shared<ChannelFeed>(loop_, bus_, "QGIS", metrics_);
  std::vector<std::unique_ptr<Follower>> followers_;
};

INSTANTIATE_TEST_SUITE_P(Seeds, Soak, ::testing::Range(1u, 41u));

TEST_P(Soak, NoHoleAndNoDouble) {
  feed_->Start();
  bus_.Resume();
  for (int step = 0; step < 2000 && !HasFailure(); ++step) {
    if (Random(4) > 0) Append();
    if (Random(8) == 0) Disturb();
    if (Random(3) == 0) {
      loop_.restart();
      loop_.poll();
    }
  }
  Settle();
  feed_->Stop();
}

TEST(ChannelFeedThreads, FeedOfABusyChannelHasNoHole) {
  constexpr uint64_t kEvents = 5000;
  LoopThread loop;
  prometheus::Registry registry;
  fanout::Metrics metrics(registry);
  bus::MemoryBus bus(loop.loop(), {});
  auto feed = std::make_shared<ChannelFeed>(loop.loop(), bus, "QGIS", metrics);
  std::vector<std::unique_ptr<Follower>> followers;
  std::atomic<int> arrived = 0;
  std::thread publisher([&] {
    for (uint64_t i = 0; i < kEvents; ++i) bus.Append("QGIS", "event", false);
  });
  for (int i = 0; i < 4; ++i) {
    followers.push_back(std::make_unique<Follower>(Position{}));
    boost::asio::post(loop.loop(), [&, follower = followers.back().get(), first = i == 0] {
      if (first) feed->Start();
      auto check = follower->sink->check;
      follower->sink->check = [&, follower, check](const fanout::v1::Item& item) {
        check(item);
        if (follower->at.offset == kEvents) ++arrived;
      };
      feed->Attach(follower->sink, {});
    });
  }
  publisher.join();
  EXPECT_TRUE(WaitUntil([&] { return arrived == 4; }));
  loop.Stop();
  feed->Stop();
}

}  // namespace
}  // namespace gischat::tests
