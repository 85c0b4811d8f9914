#include "services/fanout/channel_feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include "tests/unit/fanout/fake_bus.h"

namespace gischat::tests {
namespace {

using bus::EventPtr;
using bus::Position;
using fanout::ChannelFeed;
using fanout::Metrics;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ChannelFeedTest : public ::testing::Test {
 protected:
  ~ChannelFeedTest() override { feed_->Stop(); }

  // Begins to listen, from the place where the bus is now.
  void Start() {
    feed_->Start();
    bus_.Resume();
    Run();
  }

  // Everything that can happen without time passing.
  void Run() {
    loop_.restart();
    loop_.poll();
  }

  template <typename Condition>
  void RunUntil(Condition holds) {
    loop_.restart();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!holds() && std::chrono::steady_clock::now() < deadline) {
      loop_.run_one_until(deadline);
    }
    EXPECT_TRUE(holds());
  }

  std::shared_ptr<ListSink> Attach(Position from = {}) {
    auto sink = std::make_shared<ListSink>();
    feed_->Attach(sink, from);
    Run();
    return sink;
  }

  void AppendAndTell() {
    bus_.Tell(bus_.Append());
    Run();
  }

  boost::asio::io_context loop_;
  prometheus::Registry registry_;
  Metrics metrics_{registry_};
  FakeBus bus_;
  std::shared_ptr<ChannelFeed> feed_ = std::make_shared<ChannelFeed>(loop_, bus_, "QGIS", metrics_);
};

TEST_F(ChannelFeedTest, FreshSinkGetsASnapshotAndWhatFollows) {
  bus_.Append(true);
  Start();
  const auto sink = Attach();
  AppendAndTell();
  AppendAndTell();
  EXPECT_THAT(sink->items(), ElementsAre("snapshot 1000:1", "event 1000:2", "event 1000:3"));
}

TEST_F(ChannelFeedTest, SinkThatComesBackGetsWhatItMissed) {
  for (int i = 0; i < 3; ++i) bus_.Append();
  Start();
  const auto sink = Attach({1000, 1});
  AppendAndTell();
  EXPECT_THAT(sink->items(), ElementsAre("event 1000:2", "event 1000:3", "event 1000:4"));
}

TEST_F(ChannelFeedTest, SinkThatMissedNothingGetsOnlyWhatFollows) {
  bus_.Append();
  Start();
  const auto sink = Attach({1000, 1});
  EXPECT_THAT(sink->items(), IsEmpty());
  AppendAndTell();
  EXPECT_THAT(sink->items(), ElementsAre("event 1000:2"));
}

TEST_F(ChannelFeedTest, PositionThatCanNotBeResumedYieldsASnapshot) {
  for (int i = 0; i < 5; ++i) bus_.Append();
  bus_.TrimLog(2);
  Start();
  EXPECT_THAT(Attach({1000, 2})->items(), ElementsAre("snapshot 1000:5"));
  EXPECT_THAT(Attach({77, 5})->items(), ElementsAre("snapshot 1000:5"));
  EXPECT_THAT(Attach({1000, 6})->items(), ElementsAre("snapshot 1000:5"));
  EXPECT_EQ(metrics_.resets.Value(), 3);
}

TEST_F(ChannelFeedTest, SinkThatIsAttachedBeforeTheChannelIsHeardWaits) {
  feed_->Start();
  const auto sink = Attach();
  bus_.Append();
  EXPECT_THAT(sink->items(), IsEmpty());
  bus_.Resume();
  Run();
  EXPECT_THAT(sink->items(), ElementsAre("snapshot 1000:1"));
}

TEST_F(ChannelFeedTest, HoleIsReadFromTheLog) {
  Start();
  const auto sink = Attach();
  bus_.Append();
  bus_.Append();
  AppendAndTell();
  AppendAndTell();
  EXPECT_THAT(sink->items(), ElementsAre("snapshot 1000:0", "event 1000:1", "event 1000:2",
                                         "event 1000:3", "event 1000:4"));
  EXPECT_EQ(metrics_.holes.Value(), 1);
  EXPECT_EQ(metrics_.resets.Value(), 0);
}

TEST_F(ChannelFeedTest, RepeatedEventsPassOnce) {
  Start();
  const auto sink = Attach();
  const EventPtr first = bus_.Append();
  bus_.Tell(first);
  bus_.Tell(first);
  AppendAndTell();
  bus_.Tell(first);
  Run();
  EXPECT_THAT(sink->items(), ElementsAre("snapshot 1000:0", "event 1000:1", "event 1000:2"));
  EXPECT_EQ(metrics_.holes.Value(), 0);
}

TEST_F(ChannelFeedTest, WhatPassesWhileThePastIsReadComesAfterItOnce) {
  Start();
  bus_.HoldReads(true);
  const auto sink = Attach();
  AppendAndTell();                        // in the snapshot and heard
  const EventPtr second = bus_.Append();  // in the snapshot, heard afterwards
  bus_.AnswerOne();
  Run();
  EXPECT_THAT(sink->TakeItems(), ElementsAre("snapshot 1000:2"));
  bus_.Tell(second);
  AppendAndTell();
  EXPECT_THAT(sink->items(), ElementsAre("event 1000:3"));
}

TEST_F(ChannelFeedTest, WhatPassesBetweenTheReadAndItsAnswerIsKept) {
  Start();
  bus_.HoldReads(true);
  const auto sink = Attach({1000, 0});
  AppendAndTell();
  bus_.RunOne();
  AppendAndTell();
  AppendAndTell();
  bus_.DeliverOne();
  Run();
  EXPECT_THAT(sink->items(), ElementsAre("event 1000:1", "event 1000:2", "event 1000:3"));
  EXPECT_EQ(bus_.held(), 0u);  // it was not read twice
}

TEST_F(ChannelFeedTest, WhatIsHeardWhileAHoleIsReadIsKept) {
  Start();
  const auto sink = Attach();
  bus_.HoldReads(true);
  bus_.Append();
  AppendAndTell();
  bus_.RunOne();
  AppendAndTell();
  AppendAndTell();
  bus_.DeliverOne();
  Run();
  EXPECT_THAT(sink->items(), ElementsAre("snapshot 1000:0", "event 1000:1", "event 1000:2",
                                         "event 1000:3", "event 1000:4"));
  EXPECT_EQ(bus_.held(), 0u);  // it was not read twice
}

TEST_F(ChannelFeedTest, PastThatIsOlderThanTheFeedsNewPlaceIsReadAgain) {
  Start();
  bus_.HoldReads(true);
  const auto sink = Attach();
  bus_.RunOne();  // the snapshot of the sink, before anything happened
  for (int i = 0; i < 5; ++i) bus_.Append(true);
  bus_.TrimLog(1);
  AppendAndTell();  // the feed finds a hole, then that the log does not reach so far back
  bus_.AnswerOne();
  Run();
  bus_.AnswerOne();
  Run();
  bus_.DeliverOne();
  Run();
  EXPECT_THAT(sink->items(), IsEmpty());
  while (bus_.held() > 0) {
    bus_.AnswerOne();
    Run();
  }
  EXPECT_THAT(sink->items(), ElementsAre("snapshot 1000:6"));
}

TEST_F(ChannelFeedTest, AfterAnInterruptionWhatWasMissedIsRead) {
  Start();
  const auto sink = Attach();
  bus_.Append();
  bus_.Append();
  bus_.Resume();
  Run();
  EXPECT_THAT(sink->items(), ElementsAre("snapshot 1000:0", "event 1000:1", "event 1000:2"));
  EXPECT_EQ(metrics_.holes.Value(), 0);
}

TEST_F(ChannelFeedTest, InterruptionWhileReadingIsReadAfterwards) {
  Start();
  const auto sink = Attach();
  bus_.HoldReads(true);
  bus_.Resume();
  Run();
  bus_.RunOne();
  bus_.Append();  // missed
  bus_.Resume();
  Run();
  bus_.DeliverOne();
  Run();
  ASSERT_EQ(bus_.held(), 1u);
  bus_.AnswerOne();
  Run();
  EXPECT_THAT(sink->items(), ElementsAre("snapshot 1000:0", "event 1000:1"));
}

TEST_F(ChannelFeedTest, FailedReadsAreRepeatedUntilTheStoreIsBack) {
  Start();
  const auto live = Attach();
  bus_.FailReads(true);
  bus_.Append();
  bus_.Resume();
  const auto sink = Attach({1000, 0});
  EXPECT_THAT(live->items(), ElementsAre("snapshot 1000:0"));
  EXPECT_THAT(sink->items(), IsEmpty());

  bus_.FailReads(false);
  RunUntil([&] { return !sink->items().empty() && live->items().size() == 2; });
  EXPECT_THAT(live->items(), ElementsAre("snapshot 1000:0", "event 1000:1"));
  EXPECT_THAT(sink->items(), ElementsAre("event 1000:1"));
}

TEST_F(ChannelFeedTest, FailedReadOfOneSinkIsRepeated) {
  Start();
  bus_.HoldReads(true);
  const auto sink = Attach();
  bus_.FailOne();
  AppendAndTell();
  bus_.HoldReads(false);
  RunUntil([&] { return !sink->items().empty(); });
  AppendAndTell();
  EXPECT_THAT(sink->items(), ElementsAre("snapshot 1000:1", "event 1000:2"));
}

TEST_F(ChannelFeedTest, WhoMissedMoreThanTheLogHoldsGetsASnapshot) {
  Start();
  const auto sink = Attach();
  for (int i = 0; i < 9; ++i) bus_.Append(true);
  bus_.TrimLog(3);
  AppendAndTell();
  AppendAndTell();
  EXPECT_THAT(sink->items(), ElementsAre("snapshot 1000:0", "snapshot 1000:10", "event 1000:11"));
  EXPECT_EQ(metrics_.resets.Value(), 1);
}

TEST_F(ChannelFeedTest, NewEpochThatGoesOnIsFollowedWithoutASnapshot) {
  Start();
  const auto sink = Attach();
  AppendAndTell();
  bus_.BeginEpoch(0, true);
  AppendAndTell();
  EXPECT_THAT(sink->items(), ElementsAre("snapshot 1000:0", "event 1000:1", "event 1001:2"));
  EXPECT_EQ(metrics_.epochs.Value(), 1);
  EXPECT_EQ(metrics_.lost.Value(), 0);
}

TEST_F(ChannelFeedTest, NewEpochAfterLostWritesIsFollowedAndTheLossIsCounted) {
  Start();
  const auto sink = Attach();
  for (int i = 0; i < 4; ++i) AppendAndTell();
  bus_.BeginEpoch(3, true);
  AppendAndTell();
  EXPECT_EQ(sink->items().back(), "event 1001:2");
  EXPECT_EQ(metrics_.lost.Value(), 3);
  EXPECT_EQ(metrics_.resets.Value(), 0);

  EXPECT_THAT(Attach({1000, 4})->items(), ElementsAre("event 1001:2"));
  EXPECT_THAT(Attach({1000, 1})->items(), ElementsAre("event 1001:2"));
}

TEST_F(ChannelFeedTest, StoreThatCameBackEmptyIsHeardFromItsFirstEventOn) {
  Start();
  const auto sink = Attach();
  AppendAndTell();
  AppendAndTell();
  sink->TakeItems();
  bus_.BeginEpoch(0, false);
  bus_.Append();
  bus_.Append();  // nobody listens yet
  bus_.Resume();
  Run();
  AppendAndTell();
  EXPECT_THAT(sink->items(),
              ElementsAre("snapshot 1001:0", "event 1001:1", "event 1001:2", "event 1001:3"));
  EXPECT_EQ(metrics_.epochs.Value(), 1);
  EXPECT_EQ(metrics_.resets.Value(), 1);
}

TEST_F(ChannelFeedTest, WhoResumesAtAStoreThatCameBackEmptyHearsItFromItsFirstEventOn) {
  bus_.BeginEpoch(0, false);
  bus_.Append();
  bus_.Append();
  Start();
  EXPECT_THAT(Attach({1000, 7})->items(),
              ElementsAre("snapshot 1001:0", "event 1001:1", "event 1001:2"));
  EXPECT_EQ(metrics_.resets.Value(), 1);
}

TEST_F(ChannelFeedTest, StoreThatCameBackEmptyLongAgoYieldsASnapshot) {
  Start();
  const auto sink = Attach();
  sink->TakeItems();
  bus_.BeginEpoch(0, false);
  for (int i = 0; i < 9; ++i) bus_.Append();
  bus_.TrimLog(8);
  bus_.Resume();
  Run();
  AppendAndTell();
  EXPECT_THAT(sink->items(), ElementsAre("snapshot 1001:9", "event 1001:10"));
  EXPECT_THAT(Attach({1000, 7})->items(), ElementsAre("snapshot 1001:10"));
}

TEST_F(ChannelFeedTest, PastThatWasReadBeforeTheStoreCameBackEmptyIsPassedOnBeforeTheNewEpoch) {
  Start();
  AppendAndTell();
  bus_.HoldReads(true);
  const auto sink = Attach({1000, 0});
  bus_.RunOne();  // reads the epoch that is about to go
  bus_.BeginEpoch(0, false);
  AppendAndTell();
  bus_.HoldReads(false);
  bus_.DeliverOne();
  while (bus_.held() > 0) {
    bus_.AnswerOne();
    Run();
  }
  Run();
  AppendAndTell();
  EXPECT_THAT(sink->items(),
              ElementsAre("event 1000:1", "snapshot 1001:0", "event 1001:1", "event 1001:2"));
}

TEST_F(ChannelFeedTest, PastOfANewerEpochWaitsForTheFeed) {
  Start();
  AppendAndTell();
  const EventPtr of_old_epoch = bus_.Append();
  bus_.BeginEpoch(0, true);
  const EventPtr unheard = bus_.Append();
  bus_.HoldReads(true);
  const auto sink = Attach();
  bus_.AnswerOne();
  Run();
  EXPECT_THAT(sink->items(), IsEmpty());
  bus_.Tell(of_old_epoch);
  bus_.Tell(unheard);
  Run();
  while (bus_.held() > 0) {
    bus_.AnswerOne();
    Run();
  }
  AppendAndTell();
  EXPECT_THAT(sink->items(), ElementsAre("snapshot 1001:3", "event 1001:4"));
}

TEST_F(ChannelFeedTest, DetachedSinkGetsNothing) {
  Start();
  bus_.HoldReads(true);
  const auto sink = Attach();
  feed_->Detach(sink.get());
  EXPECT_FALSE(feed_->in_use());
  bus_.AnswerOne();
  Run();
  AppendAndTell();
  EXPECT_THAT(sink->items(), IsEmpty());
}

TEST_F(ChannelFeedTest, StoppedFeedHearsNothing) {
  Start();
  const auto sink = Attach();
  bus_.Tell(bus_.Append());  // under way
  feed_->Stop();
  EXPECT_FALSE(bus_.heard());
  Run();
  EXPECT_THAT(sink->items(), ElementsAre("snapshot 1000:0"));
}

}  // namespace
}  // namespace gischat::tests
