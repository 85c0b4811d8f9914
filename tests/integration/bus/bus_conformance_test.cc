// What a MessageBus promises, asked of both twins.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "common/bus/memory_bus.h"
#include "tests/integration/bus/bus_fixture.h"
#include "tests/support/wait_until.h"

namespace gischat::tests {
namespace {

using bus::Limits;
using bus::MessageBus;
using bus::Position;
using bus::Receipt;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Outcome = Receipt::Outcome;

// Both twins, ready for use with any limits. Only ever used for one bus at a time.
class Twin {
 public:
  virtual ~Twin() = default;
  virtual MessageBus& Make(const Limits& limits) = 0;
};

class MemoryTwin : public Twin {
 public:
  ~MemoryTwin() override { loop_.Stop(); }
  MessageBus& Make(const Limits& limits) override {
    bus_ = std::make_unique<bus::MemoryBus>(loop_.loop(), limits);
    return *bus_;
  }

 private:
  LoopThread loop_;
  std::unique_ptr<bus::MemoryBus> bus_;
};

class RedisTwin : public Twin {
 public:
  MessageBus& Make(const Limits& limits) override {
    process_ = std::make_unique<RedisBusProcess>(server_.options(), limits);
    EXPECT_TRUE(
        WaitUntil([&] { return process_->client().ready() && process_->subscriber().ready(); }));
    return process_->bus();
  }

 private:
  RedisServer server_;
  std::unique_ptr<RedisBusProcess> process_;
};

class BusConformance : public ::testing::TestWithParam<const char*> {
 protected:
  BusConformance() {
    if (std::string(GetParam()) == "Redis") {
      twin_ = std::make_unique<RedisTwin>();
    } else {
      twin_ = std::make_unique<MemoryTwin>();
    }
  }

  MessageBus& Bus(const Limits& limits = {}) { return twin_->Make(limits); }

  // Subscribes and waits until the channel is heard.
  static std::unique_ptr<MessageBus::Subscription> Listen(MessageBus& bus,
                                                          const std::string& channel,
                                                          std::shared_ptr<Recorder> recorder) {
    auto subscription = bus.Subscribe(channel, recorder);
    EXPECT_TRUE(WaitUntil([&] { return recorder->resumed() > 0; }));
    return subscription;
  }

  static void ExpectPublished(MessageBus& bus, const std::string& channel, bus::Batch batch) {
    const absl::StatusOr<Receipt> receipt = Publish(bus, channel, std::move(batch));
    ASSERT_TRUE(receipt.ok()) << receipt.status();
    EXPECT_EQ(receipt->outcome, Outcome::kPublished);
  }

 private:
  std::unique_ptr<Twin> twin_;
};

INSTANTIATE_TEST_SUITE_P(Twins, BusConformance, ::testing::Values("Memory", "Redis"),
                         [](const auto& which) { return std::string(which.param); });

TEST_P(BusConformance, EventsAreHeardInTheOrderOfABatchWithTheirPlaces) {
  MessageBus& bus = Bus();
  auto recorder = std::make_shared<Recorder>();
  auto subscription = Listen(bus, "QGIS", recorder);

  const auto receipt = Publish(bus, "QGIS", MakeBatch("edge", 1, {"one", "two", "three"}, true));

  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_EQ(receipt->outcome, Outcome::kPublished);
  EXPECT_EQ(receipt->next_sequence, 4u);
  EXPECT_EQ(receipt->position.offset, 3u);
  EXPECT_NE(receipt->position.epoch, 0u);
  ASSERT_TRUE(WaitUntil([&] { return recorder->count() == 3; }));
  EXPECT_THAT(recorder->payloads(), ElementsAre("one", "two", "three"));
  uint64_t number = 0;
  for (const bus::EventPtr& event : recorder->events()) {
    ++number;
    EXPECT_EQ(event->position, (Position{receipt->position.epoch, number}));
    EXPECT_EQ(event->sequence, number);
    EXPECT_EQ(event->publisher, "edge");
    EXPECT_TRUE(event->stored);
  }
}

TEST_P(BusConformance, ConcurrentPublishersMakeNoHoleAndKeepTheirOwnOrder) {
  constexpr size_t kPublishers = 4;
  constexpr size_t kEach = 250;
  MessageBus& bus = Bus();
  auto recorder = std::make_shared<Recorder>();
  auto subscription = Listen(bus, "QGIS", recorder);

  std::vector<std::thread> publishers;
  publishers.reserve(kPublishers);
  for (size_t p = 0; p < kPublishers; ++p) {
    publishers.emplace_back([&bus, name = std::to_string(p)] {
      for (size_t i = 1; i <= kEach; ++i) {
        ExpectPublished(bus, "QGIS", MakeBatch(name, i, {name}));
      }
    });
  }
  for (std::thread& publisher : publishers) publisher.join();

  ASSERT_TRUE(WaitUntil([&] { return recorder->count() >= kPublishers * kEach; }));
  std::map<std::string, uint64_t> last;
  uint64_t offset = 0;
  for (const bus::EventPtr& event : recorder->events()) {
    EXPECT_EQ(event->position.offset, ++offset);
    EXPECT_EQ(event->sequence, ++last[event->publisher]);
  }
  EXPECT_EQ(offset, kPublishers * kEach);
}

TEST_P(BusConformance, RepeatedBatchIsAppendedOnce) {
  MessageBus& bus = Bus();
  ExpectPublished(bus, "QGIS", MakeBatch("edge", 1, {"one", "two"}));

  const auto receipt = Publish(bus, "QGIS", MakeBatch("edge", 1, {"one", "two"}));

  ASSERT_TRUE(receipt.ok());
  EXPECT_EQ(receipt->outcome, Outcome::kPublished);
  EXPECT_EQ(receipt->next_sequence, 3u);
  EXPECT_EQ(receipt->position.offset, 2u);
}

TEST_P(BusConformance, OfAPartlyAppendedBatchOnlyTheRestIsAppended) {
  MessageBus& bus = Bus();
  ExpectPublished(bus, "QGIS", MakeBatch("edge", 1, {"one", "two"}));
  const auto before = ReadHistory(bus, "QGIS");
  ASSERT_TRUE(before.ok());

  ExpectPublished(bus, "QGIS", MakeBatch("edge", 2, {"two", "three", "four"}));

  const auto slice = ReadLog(bus, "QGIS", before->position);
  ASSERT_TRUE(slice.ok());
  EXPECT_THAT(Payloads(slice->events), ElementsAre("three", "four"));
  EXPECT_EQ(slice->events.back()->sequence, 4u);
}

TEST_P(BusConformance, GapIsRefusedAndSaysWhatIsExpected) {
  MessageBus& bus = Bus();
  ExpectPublished(bus, "QGIS", MakeBatch("edge", 1, {"one"}));

  const auto known = Publish(bus, "QGIS", MakeBatch("edge", 3, {"three"}));
  const auto unknown = Publish(bus, "QGIS", MakeBatch("other", 7, {"seven"}));

  ASSERT_TRUE(known.ok());
  EXPECT_EQ(known->outcome, Outcome::kGap);
  EXPECT_EQ(known->next_sequence, 2u);
  EXPECT_EQ(known->position.offset, 1u);
  ASSERT_TRUE(unknown.ok());
  EXPECT_EQ(unknown->outcome, Outcome::kGap);
  EXPECT_EQ(unknown->next_sequence, 1u);
}

TEST_P(BusConformance, AfterAGapTheSeriesGoesOnUnderItsNumbers) {
  MessageBus& bus = Bus();
  ExpectPublished(bus, "QGIS", MakeBatch("edge", 1, {"one"}));
  const auto before = ReadHistory(bus, "QGIS");
  ASSERT_TRUE(before.ok());
  bus::Batch batch = MakeBatch("edge", 4, {"four", "five"});
  batch.after_gap = true;
  ExpectPublished(bus, "QGIS", batch);
  ExpectPublished(bus, "QGIS", batch);  // a repetition
  ExpectPublished(bus, "QGIS", MakeBatch("edge", 5, {"five", "six"}));

  const auto slice = ReadLog(bus, "QGIS", before->position);
  ASSERT_TRUE(slice.ok());
  ASSERT_THAT(Payloads(slice->events), ElementsAre("four", "five", "six"));
  EXPECT_EQ(slice->events[0]->sequence, 4u);
  EXPECT_EQ(slice->events[2]->sequence, 6u);
}

TEST_P(BusConformance, ExpiredBatchIsNotAppended) {
  MessageBus& bus = Bus();
  bus::Batch batch = MakeBatch("edge", 1, {"late"});
  batch.deadline = absl::Now() - absl::Milliseconds(100);

  const auto receipt = Publish(bus, "QGIS", batch);

  ASSERT_TRUE(receipt.ok());
  EXPECT_EQ(receipt->outcome, Outcome::kExpired);
  EXPECT_EQ(receipt->next_sequence, 1u);
  EXPECT_EQ(receipt->position.offset, 0u);
}

TEST_P(BusConformance, BatchThatIsInTheChannelAlreadyDoesNotExpire) {
  MessageBus& bus = Bus();
  bus::Batch batch = MakeBatch("edge", 1, {"one"});
  batch.deadline = absl::Now() + absl::Seconds(60);
  ExpectPublished(bus, "QGIS", batch);
  batch.deadline = absl::Now() - absl::Seconds(1);
  ExpectPublished(bus, "QGIS", batch);
}

TEST_P(BusConformance, HistoryHoldsTheLastStoredEvents) {
  MessageBus& bus = Bus({.history_events = 3});
  ExpectPublished(bus, "QGIS", MakeBatch("edge", 1, {"a", "b", "c", "d"}, true));
  ExpectPublished(bus, "QGIS", MakeBatch("edge", 5, {"not stored"}));

  const auto snapshot = ReadHistory(bus, "QGIS");

  ASSERT_TRUE(snapshot.ok());
  EXPECT_THAT(Payloads(snapshot->history), ElementsAre("b", "c", "d"));
  EXPECT_EQ(snapshot->position.offset, 5u);
  EXPECT_EQ(snapshot->history.back()->position.offset, 4u);
}

TEST_P(BusConformance, HistoryOfNothingStaysEmpty) {
  MessageBus& bus = Bus({.history_events = 0});
  ExpectPublished(bus, "QGIS", MakeBatch("edge", 1, {"a", "b"}, true));

  const auto snapshot = ReadHistory(bus, "QGIS");

  ASSERT_TRUE(snapshot.ok());
  EXPECT_THAT(snapshot->history, IsEmpty());
  EXPECT_EQ(snapshot->position.offset, 2u);
}

TEST_P(BusConformance, ChannelWithoutEventsHasAnEpoch) {
  MessageBus& bus = Bus();
  const auto first = ReadHistory(bus, "QGIS");
  const auto second = ReadHistory(bus, "QGIS");
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_NE(first->position.epoch, 0u);
  EXPECT_EQ(first->position, second->position);
  EXPECT_EQ(first->position.offset, 0u);
}

TEST_P(BusConformance, LogYieldsWhatFollowsAPosition) {
  MessageBus& bus = Bus();
  const auto start = ReadHistory(bus, "QGIS");
  ASSERT_TRUE(start.ok());
  ExpectPublished(bus, "QGIS", MakeBatch("edge", 1, {"a", "b", "c"}));

  const auto all = ReadLog(bus, "QGIS", start->position);
  ASSERT_TRUE(all.ok());
  EXPECT_TRUE(all->complete);
  EXPECT_THAT(Payloads(all->events), ElementsAre("a", "b", "c"));

  const auto rest = ReadLog(bus, "QGIS", all->events[1]->position);
  ASSERT_TRUE(rest.ok());
  EXPECT_TRUE(rest->complete);
  EXPECT_THAT(Payloads(rest->events), ElementsAre("c"));

  const auto nothing = ReadLog(bus, "QGIS", all->position);
  ASSERT_TRUE(nothing.ok());
  EXPECT_TRUE(nothing->complete);
  EXPECT_THAT(nothing->events, IsEmpty());
}

TEST_P(BusConformance, LogOfAnotherEpochOrOfTheFutureIsNotComplete) {
  MessageBus& bus = Bus();
  ExpectPublished(bus, "QGIS", MakeBatch("edge", 1, {"a"}));
  const auto now = ReadHistory(bus, "QGIS");
  ASSERT_TRUE(now.ok());

  for (const Position after :
       {Position{now->position.epoch + 1, 0}, Position{now->position.epoch, 2}, Position{0, 0}}) {
    const auto slice = ReadLog(bus, "QGIS", after);
    ASSERT_TRUE(slice.ok());
    EXPECT_FALSE(slice->complete);
    EXPECT_THAT(slice->events, IsEmpty());
    EXPECT_EQ(slice->position, now->position);
  }
}

TEST_P(BusConformance, LogIsBoundedByEvents) {
  MessageBus& bus = Bus({.log_events = 3});
  const auto start = ReadHistory(bus, "QGIS");
  ASSERT_TRUE(start.ok());
  ExpectPublished(bus, "QGIS", MakeBatch("edge", 1, {"a", "b", "c", "d", "e"}));

  const auto beyond = ReadLog(bus, "QGIS", {start->position.epoch, 1});
  const auto within = ReadLog(bus, "QGIS", {start->position.epoch, 2});

  ASSERT_TRUE(beyond.ok() && within.ok());
  EXPECT_FALSE(beyond->complete);
  EXPECT_TRUE(within->complete);
  EXPECT_THAT(Payloads(within->events), ElementsAre("c", "d", "e"));
}

TEST_P(BusConformance, LogIsBoundedByBytes) {
  MessageBus& bus = Bus({.log_bytes = 10'000});
  const auto start = ReadHistory(bus, "QGIS");
  ASSERT_TRUE(start.ok());
  const std::string large(4'000, 'x');
  ExpectPublished(bus, "QGIS", MakeBatch("edge", 1, {large, large, large, "small"}));

  const auto beyond = ReadLog(bus, "QGIS", {start->position.epoch, 0});
  const auto within = ReadLog(bus, "QGIS", {start->position.epoch, 1});

  ASSERT_TRUE(beyond.ok() && within.ok());
  EXPECT_FALSE(beyond->complete);
  EXPECT_TRUE(within->complete);
  EXPECT_EQ(within->events.size(), 3u);
}

TEST_P(BusConformance, LogIsBoundedByAge) {
  MessageBus& bus = Bus({.log_age = absl::Milliseconds(50)});
  ExpectPublished(bus, "QGIS", MakeBatch("edge", 1, {"old"}));
  const auto start = ReadHistory(bus, "QGIS");
  ASSERT_TRUE(start.ok());

  // Each publish trims; when the oldest one is gone, its age did it.
  uint64_t number = 1;
  EXPECT_TRUE(WaitUntil([&] {
    ExpectPublished(bus, "QGIS", MakeBatch("edge", ++number, {"new"}));
    const auto slice = ReadLog(bus, "QGIS", {start->position.epoch, 0});
    return slice.ok() && !slice->complete;
  }));
  EXPECT_LT(number, 9'000u);  // not the number of events
}

TEST_P(BusConformance, LogDropsHundredsAtOnce) {
  MessageBus& bus = Bus({.log_bytes = 100'000});
  const auto start = ReadHistory(bus, "QGIS");
  ASSERT_TRUE(start.ok());
  const std::string small(30, 'x');
  ExpectPublished(bus, "QGIS", MakeBatch("edge", 1, std::vector<std::string>(900, small)));
  ExpectPublished(bus, "QGIS", MakeBatch("edge", 901, {std::string(90'000, 'y')}));

  const auto large = ReadLog(bus, "QGIS", {start->position.epoch, 900});
  ASSERT_TRUE(large.ok());
  ASSERT_TRUE(large->complete);
  EXPECT_EQ(large->events.size(), 1u);

  // From the oldest that is left everything is there, and it is not too much.
  uint64_t oldest = 0;
  size_t bytes = 0;
  for (uint64_t after = 0; after < 900 && oldest == 0; ++after) {
    const auto slice = ReadLog(bus, "QGIS", {start->position.epoch, after});
    ASSERT_TRUE(slice.ok());
    if (!slice->complete) continue;
    oldest = after + 1;
    EXPECT_EQ(slice->events.size(), 901 - after);
    for (const auto& event : slice->events) bytes += event->payload.size();
  }
  EXPECT_GT(oldest, 200u);
  EXPECT_LE(bytes, 100'000u);
}

TEST_P(BusConformance, PayloadsAreAnyBytes) {
  std::string every_byte;
  for (int i = 0; i < 256; ++i) every_byte.push_back(static_cast<char>(i));
  MessageBus& bus = Bus();
  auto recorder = std::make_shared<Recorder>();
  auto subscription = Listen(bus, "QGIS", recorder);

  ExpectPublished(bus, "QGIS", MakeBatch(every_byte, 1, {every_byte, "", "\r\n"}, true));

  ASSERT_TRUE(WaitUntil([&] { return recorder->count() == 3; }));
  EXPECT_THAT(recorder->payloads(), ElementsAre(every_byte, "", "\r\n"));
  EXPECT_EQ(recorder->events()[0]->publisher, every_byte);
  const auto snapshot = ReadHistory(bus, "QGIS");
  ASSERT_TRUE(snapshot.ok());
  EXPECT_THAT(Payloads(snapshot->history), ElementsAre(every_byte, "", "\r\n"));
}

TEST_P(BusConformance, LargePayloadsPassWhole) {
  std::string large(8 << 20, '\0');
  for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 31 >> 7);
  MessageBus& bus = Bus();
  auto recorder = std::make_shared<Recorder>();
  auto subscription = Listen(bus, "QGIS", recorder);
  const auto start = ReadHistory(bus, "QGIS");

  ExpectPublished(bus, "QGIS", MakeBatch("edge", 1, {large, large}, true));

  ASSERT_TRUE(WaitUntil([&] { return recorder->count() == 2; }));
  EXPECT_EQ(recorder->events()[1]->payload, large);
  const auto slice = ReadLog(bus, "QGIS", start->position);
  ASSERT_TRUE(slice.ok());
  ASSERT_EQ(slice->events.size(), 2u);
  EXPECT_EQ(slice->events[0]->payload, large);
}

TEST_P(BusConformance, ChannelsAreIndependent) {
  constexpr int kChannels = 200;
  MessageBus& bus = Bus();
  std::vector<std::shared_ptr<Recorder>> recorders;
  std::vector<std::unique_ptr<MessageBus::Subscription>> subscriptions;
  for (int i = 0; i < kChannels; ++i) {
    recorders.push_back(std::make_shared<Recorder>());
    subscriptions.push_back(bus.Subscribe("channel " + std::to_string(i), recorders.back()));
  }
  for (const auto& recorder : recorders) {
    ASSERT_TRUE(WaitUntil([&] { return recorder->resumed() == 1; }));
  }

  for (int i = 0; i < kChannels; ++i) {
    const std::string name = "channel " + std::to_string(i);
    ExpectPublished(bus, name, MakeBatch("edge", 1, {name}));
  }

  for (int i = 0; i < kChannels; ++i) {
    const auto& recorder = recorders[static_cast<size_t>(i)];
    ASSERT_TRUE(WaitUntil([&] { return recorder->count() == 1; }));
    EXPECT_THAT(recorder->payloads(), ElementsAre("channel " + std::to_string(i)));
    EXPECT_EQ(recorder->events()[0]->position.offset, 1u);
  }
}

TEST_P(BusConformance, NamesThatLookLikeKeysDoNotMeet) {
  MessageBus& bus = Bus();
  for (const std::string name : {"a:b", "a", "a}:log", "{a}", "a%3Ab", "é ü"}) {
    ExpectPublished(bus, name, MakeBatch("edge", 1, {name}, true));
  }
  for (const std::string name : {"a:b", "a", "a}:log", "{a}", "a%3Ab", "é ü"}) {
    const auto snapshot = ReadHistory(bus, name);
    ASSERT_TRUE(snapshot.ok());
    EXPECT_THAT(Payloads(snapshot->history), ElementsAre(name));
  }
}

TEST_P(BusConformance, SecondListenerOfAChannelHearsToo) {
  MessageBus& bus = Bus();
  auto first = std::make_shared<Recorder>();
  auto second = std::make_shared<Recorder>();
  auto first_subscription = Listen(bus, "QGIS", first);
  auto second_subscription = Listen(bus, "QGIS", second);

  ExpectPublished(bus, "QGIS", MakeBatch("edge", 1, {"one"}));
  ASSERT_TRUE(WaitUntil([&] { return first->count() == 1 && second->count() == 1; }));

  first_subscription.reset();
  ExpectPublished(bus, "QGIS", MakeBatch("edge", 2, {"two"}));
  ASSERT_TRUE(WaitUntil([&] { return second->count() == 2; }));
  EXPECT_EQ(first->count(), 1u);
}

TEST_P(BusConformance, ListenerThatCameBackHearsAgain) {
  MessageBus& bus = Bus();
  auto gone = std::make_shared<Recorder>();
  Listen(bus, "QGIS", gone).reset();
  auto recorder = std::make_shared<Recorder>();
  auto subscription = Listen(bus, "QGIS", recorder);

  ExpectPublished(bus, "QGIS", MakeBatch("edge", 1, {"one"}));

  ASSERT_TRUE(WaitUntil([&] { return recorder->count() == 1; }));
  EXPECT_EQ(gone->count(), 0u);
}

TEST_P(BusConformance, NothingIsMissedBetweenResumedAndTheLiveEvents) {
  MessageBus& bus = Bus();
  std::thread publisher([&bus] {
    for (uint64_t i = 1; i <= 500; ++i) {
      ExpectPublished(bus, "QGIS", MakeBatch("edge", i, {std::to_string(i)}));
    }
  });
  auto recorder = std::make_shared<Recorder>();
  auto subscription = Listen(bus, "QGIS", recorder);
  const auto snapshot = ReadHistory(bus, "QGIS");
  publisher.join();

  ASSERT_TRUE(snapshot.ok());
  ASSERT_TRUE(WaitUntil([&] {
    const auto events = recorder->events();
    return snapshot->position.offset == 500 ||
           (!events.empty() && events.back()->position.offset == 500);
  }));
  const auto events = recorder->events();
  if (!events.empty()) {
    EXPECT_LE(events.front()->position.offset, snapshot->position.offset + 1);
  }
}

}  // namespace
}  // namespace gischat::tests
