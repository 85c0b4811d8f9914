#include "edge/clients/publisher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/fake_backends.h"
#include "tests/support/run_until.h"

namespace gischat::edge::clients {
namespace {

using fanout::v1::PublishRequest;
using fanout::v1::PublishResponse;
using testing::ElementsAre;
using testing::IsEmpty;
using tests::FakeFanout;
using tests::RunUntil;

class PublisherTest : public testing::Test {
 protected:
  PublisherTest() { Begin({}); }

  void Begin(BacklogLimits limits) {
    publisher_.reset();
    registry_ = std::make_unique<prometheus::Registry>();
    publisher_ = std::make_unique<Publisher>(
        loop_, fanout_, std::vector<std::string>{"QGIS", "Geotribu"}, limits, *registry_);
  }

  void Say(const std::string& words, const std::string& channel = "QGIS") {
    publisher_->Publish(channel, words, /*stored=*/true, [this, words](absl::Status status) {
      outcomes_.push_back(words + " " + absl::StatusCodeToString(status.code()));
    });
    publisher_->Flush();
  }

  // The words of that batch.
  std::vector<std::string> Batch(size_t number) const {
    std::vector<std::string> words;
    const PublishRequest request = fanout_.publishes.request(number);
    for (const auto& draft : request.drafts()) words.push_back(draft.message());
    return words;
  }
  size_t batches() const { return fanout_.publishes.size(); }

  void AnswerPublished() {
    fanout_.publishes.AnswerLast(FakeFanout::Published(fanout_.publishes.last()));
  }
  // Answers the last batch with an error and waits for the next attempt.
  void FailAndAwaitRetry(absl::Status status) {
    const size_t before = batches();
    fanout_.publishes.AnswerLast(std::move(status));
    ASSERT_TRUE(RunUntil(loop_, [&] { return batches() > before; }));
  }
  void AnswerAndAwaitRetry(PublishResponse::Outcome outcome) {
    const size_t before = batches();
    fanout_.publishes.AnswerLast(FakeFanout::Outcome(outcome));
    ASSERT_TRUE(RunUntil(loop_, [&] { return batches() > before; }));
  }
  // Waits until what was said before has waited for too long.
  void Outwait(absl::Duration patience) {
    const absl::Time then = absl::Now() + patience;
    ASSERT_TRUE(RunUntil(loop_, [&] { return absl::Now() > then; }));
  }

  boost::asio::io_context loop_;
  FakeFanout fanout_;
  std::unique_ptr<prometheus::Registry> registry_;
  std::vector<std::string> outcomes_;
  std::unique_ptr<Publisher> publisher_;
};

TEST_F(PublisherTest, SendsAMessageWhenItIsFlushed) {
  publisher_->Publish("QGIS", "hi", /*stored=*/false, [](const absl::Status&) {});
  EXPECT_EQ(batches(), 0u);
  publisher_->Flush();
  ASSERT_EQ(batches(), 1u);
  const PublishRequest request = fanout_.publishes.last();
  EXPECT_EQ(request.channel(), "QGIS");
  EXPECT_NE(request.publisher(), "");
  EXPECT_EQ(request.first_sequence(), 1u);
  EXPECT_THAT(Batch(0), ElementsAre("hi"));
  EXPECT_FALSE(request.drafts(0).stored());
}

TEST_F(PublisherTest, TellsTheOutcomeWhenFanoutHasAnswered) {
  Say("hi");
  EXPECT_THAT(outcomes_, IsEmpty());
  EXPECT_EQ(publisher_->pending(), 1u);
  AnswerPublished();
  EXPECT_THAT(outcomes_, ElementsAre("hi OK"));
  EXPECT_EQ(publisher_->pending(), 0u);
}

TEST_F(PublisherTest, SendsTogetherWhatWasSaidBeforeTheFlush) {
  for (const char* words : {"one", "two"}) {
    publisher_->Publish("QGIS", words, /*stored=*/true, [](const absl::Status&) {});
  }
  publisher_->Publish("Geotribu", "elsewhere", /*stored=*/true, [](const absl::Status&) {});
  publisher_->Flush();
  ASSERT_EQ(batches(), 2u);
  EXPECT_THAT(Batch(0), ElementsAre("one", "two"));
  EXPECT_THAT(Batch(1), ElementsAre("elsewhere"));
}

TEST_F(PublisherTest, WhatIsSaidMeanwhileFormsTheNextBatch) {
  for (const char* words : {"one", "two", "three"}) Say(words);
  ASSERT_EQ(batches(), 1u);
  AnswerPublished();
  ASSERT_EQ(batches(), 2u);
  EXPECT_THAT(Batch(1), ElementsAre("two", "three"));
  EXPECT_TRUE(fanout_.publishes.last().drafts(0).stored());
  EXPECT_EQ(fanout_.publishes.last().first_sequence(), 2u);
  EXPECT_EQ(fanout_.publishes.last().publisher(), fanout_.publishes.request(0).publisher());
  Say("four");
  AnswerPublished();
  EXPECT_THAT(Batch(2), ElementsAre("four"));
  EXPECT_EQ(fanout_.publishes.last().first_sequence(), 4u);
  AnswerPublished();
  EXPECT_THAT(outcomes_, ElementsAre("one OK", "two OK", "three OK", "four OK"));
}

TEST_F(PublisherTest, ChannelsDoNotWaitForEachOther) {
  Say("here");
  Say("there", "Geotribu");
  ASSERT_EQ(batches(), 2u);
  EXPECT_EQ(fanout_.publishes.last().channel(), "Geotribu");
  EXPECT_NE(fanout_.publishes.last().publisher(), fanout_.publishes.request(0).publisher());
  AnswerPublished();
  EXPECT_THAT(outcomes_, ElementsAre("there OK"));
  EXPECT_EQ(publisher_->pending(), 1u);
}

TEST_F(PublisherTest, KnowsNoOtherChannels) {
  Say("hi", "nope");
  EXPECT_THAT(outcomes_, ElementsAre("hi NOT_FOUND"));
  EXPECT_EQ(batches(), 0u);
}

TEST_F(PublisherTest, RepeatsABatchUnderTheSameNumbersUntilItsOutcomeIsKnown) {
  Say("one");
  Say("two");
  AnswerPublished();
  const PublishRequest sent = fanout_.publishes.last();
  Say("three");
  for (const absl::Status& failure :
       {absl::UnavailableError("away"), absl::DeadlineExceededError("slow")}) {
    FailAndAwaitRetry(failure);
    EXPECT_EQ(fanout_.publishes.last().SerializeAsString(), sent.SerializeAsString());
  }
  AnswerAndAwaitRetry(PublishResponse::EXPIRED);
  EXPECT_EQ(fanout_.publishes.last().SerializeAsString(), sent.SerializeAsString());
  AnswerPublished();
  EXPECT_THAT(outcomes_, ElementsAre("one OK", "two OK"));
  EXPECT_THAT(Batch(batches() - 1), ElementsAre("three"));
  EXPECT_EQ(fanout_.publishes.last().first_sequence(), 3u);
}

TEST_F(PublisherTest, WaitsBeforeItRepeats) {
  Say("one");
  fanout_.publishes.AnswerLast(absl::UnavailableError("away"));
  tests::Settle(loop_);
  EXPECT_EQ(batches(), 1u);
  EXPECT_TRUE(RunUntil(loop_, [&] { return batches() == 2; }));
}

TEST_F(PublisherTest, GoesOnUnderTheSameNumbersWhenTheStoreHasForgottenTheSeries) {
  Say("one");
  AnswerPublished();
  Say("two");
  const std::string series = fanout_.publishes.last().publisher();
  EXPECT_FALSE(fanout_.publishes.last().after_gap());
  Say("three");
  AnswerAndAwaitRetry(PublishResponse::GAP);
  EXPECT_EQ(fanout_.publishes.last().publisher(), series) << "nobody could tell the same message";
  EXPECT_EQ(fanout_.publishes.last().first_sequence(), 2u);
  EXPECT_TRUE(fanout_.publishes.last().after_gap());
  EXPECT_THAT(Batch(batches() - 1), ElementsAre("two"));
  AnswerPublished();
  EXPECT_FALSE(fanout_.publishes.last().after_gap());
  while (publisher_->pending() > 0) AnswerPublished();
  EXPECT_THAT(outcomes_, ElementsAre("one OK", "two OK", "three OK"));
}

TEST_F(PublisherTest, AttemptsGetMoreTimeEachUpToASecond) {
  Say("one");
  for (const absl::Duration timeout :
       {absl::Milliseconds(300), absl::Milliseconds(600), absl::Seconds(1), absl::Seconds(1)}) {
    EXPECT_EQ(fanout_.timeout(batches() - 1), timeout);
    FailAndAwaitRetry(absl::DeadlineExceededError("no answer"));
  }
  AnswerPublished();
  Say("two");
  EXPECT_EQ(fanout_.timeout(batches() - 1), absl::Milliseconds(300));
}

TEST_F(PublisherTest, ALargeBatchGetsAWholeSecondAtOnce) {
  Say(std::string(2 << 20, 'x'));
  EXPECT_EQ(fanout_.timeout(0), absl::Seconds(1));
}

TEST_F(PublisherTest, AnAttemptTakesNoLongerThanItsMessageWaits) {
  Begin({.patience = absl::Milliseconds(200)});
  Say("one");
  EXPECT_LE(fanout_.timeout(0), absl::Milliseconds(200));
}

TEST_F(PublisherTest, GivesUpWhatHasWaitedForTooLong) {
  constexpr absl::Duration kPatience = absl::Milliseconds(100);
  Begin({.patience = kPatience});
  Say("sent");
  Say("waiting");
  Outwait(kPatience);
  Say("late");
  const std::string old_series = fanout_.publishes.last().publisher();
  FailAndAwaitRetry(absl::UnavailableError("away"));
  EXPECT_THAT(outcomes_, ElementsAre("sent UNKNOWN", "waiting DEADLINE_EXCEEDED"));
  EXPECT_THAT(Batch(1), ElementsAre("late"));
  EXPECT_NE(fanout_.publishes.last().publisher(), old_series) << "numbers were used twice";
  EXPECT_EQ(fanout_.publishes.last().first_sequence(), 1u);
  AnswerPublished();
  EXPECT_EQ(outcomes_.back(), "late OK");
}

// An attempt may still have put all of the batch into the channel, or nothing.
TEST_F(PublisherTest, WhatWasSentTogetherIsGivenUpTogether) {
  constexpr absl::Duration kPatience = absl::Milliseconds(300);
  Begin({.patience = kPatience});
  Say("first");
  Say("early");
  Outwait(kPatience / 2);
  Say("later");
  AnswerPublished();
  EXPECT_THAT(Batch(1), ElementsAre("early", "later"));
  Outwait(kPatience / 2);
  fanout_.publishes.AnswerLast(absl::UnavailableError("away"));
  ASSERT_TRUE(RunUntil(loop_, [&] { return outcomes_.size() == 3; }));
  EXPECT_THAT(outcomes_, ElementsAre("first OK", "early UNKNOWN", "later UNKNOWN"));
}

TEST_F(PublisherTest, WhatAFullStoreRefusedIsPublishedWhenThereIsRoomAgain) {
  Say("one");
  Say("two");
  FailAndAwaitRetry(absl::ResourceExhaustedError("full"));
  EXPECT_THAT(outcomes_, IsEmpty());
  EXPECT_THAT(Batch(1), ElementsAre("one", "two")) << "nothing holds them apart any more";
  EXPECT_EQ(fanout_.publishes.last().first_sequence(), 1u);
  AnswerPublished();
  EXPECT_THAT(outcomes_, ElementsAre("one OK", "two OK"));
}

TEST_F(PublisherTest, TellsThatTheStoreWasFullForTooLong) {
  constexpr absl::Duration kPatience = absl::Milliseconds(100);
  Begin({.patience = kPatience});
  Say("one");
  Say("two");
  Outwait(kPatience);
  fanout_.publishes.AnswerLast(absl::ResourceExhaustedError("full"));
  ASSERT_TRUE(RunUntil(loop_, [&] { return outcomes_.size() == 2; }));
  EXPECT_THAT(outcomes_, ElementsAre("one RESOURCE_EXHAUSTED", "two DEADLINE_EXCEEDED"));
  Say("three");
  EXPECT_EQ(fanout_.publishes.last().first_sequence(), 1u) << "no number was used";
  AnswerPublished();
  EXPECT_EQ(outcomes_.back(), "three OK");
}

// None may appear after its sender was told that it will not.
TEST_F(PublisherTest, SaysThatTheOutcomeIsUnknownWhenAnEarlierAttemptMayHaveSucceeded) {
  constexpr absl::Duration kPatience = absl::Milliseconds(200);
  Begin({.patience = kPatience});
  Say("one");
  FailAndAwaitRetry(absl::DeadlineExceededError("slow"));
  Outwait(kPatience);
  fanout_.publishes.AnswerLast(absl::ResourceExhaustedError("full"));
  ASSERT_TRUE(RunUntil(loop_, [&] { return outcomes_.size() == 1; }));
  EXPECT_THAT(outcomes_, ElementsAre("one UNKNOWN"));
}

TEST_F(PublisherTest, HoldsNoMoreMessagesThanItsBound) {
  Begin({.messages = 2});
  for (const char* words : {"one", "two", "three"}) Say(words);
  EXPECT_THAT(outcomes_, ElementsAre("three RESOURCE_EXHAUSTED"));
  Say("elsewhere", "Geotribu");
  EXPECT_EQ(publisher_->pending(), 3u);
}

TEST_F(PublisherTest, HoldsNoMoreBytesThanItsBoundButAlwaysOneMessage) {
  Begin({.bytes = 10});
  Say("far more than ten bytes");
  Say("x");
  EXPECT_THAT(outcomes_, ElementsAre("x RESOURCE_EXHAUSTED"));
  AnswerPublished();
  Say("12345");
  Say("67890");
  Say("x");
  EXPECT_EQ(outcomes_.size(), 3u);
  EXPECT_EQ(outcomes_.back(), "x RESOURCE_EXHAUSTED");
}

TEST_F(PublisherTest, BoundsABatchByMessages) {
  Say("first");
  for (int i = 0; i < 300; ++i) Say(std::to_string(i));
  AnswerPublished();
  EXPECT_EQ(Batch(1).size(), 256u);
  AnswerPublished();
  EXPECT_EQ(Batch(2).size(), 44u);
  EXPECT_EQ(Batch(2).back(), "299");
}

TEST_F(PublisherTest, BoundsABatchByBytes) {
  const std::string large(3 << 20, 'x');
  Say("first");
  for (int i = 0; i < 4; ++i) Say(large);
  Say(std::string(9 << 20, 'y'));
  AnswerPublished();
  EXPECT_EQ(Batch(1).size(), 2u);
  AnswerPublished();
  EXPECT_EQ(Batch(2).size(), 2u);
  AnswerPublished();
  EXPECT_EQ(Batch(3).size(), 1u);
}

TEST_F(PublisherTest, TellsAnOutcomeForEverythingWhenItEnds) {
  Say("sent");
  Say("waiting");
  publisher_.reset();
  EXPECT_THAT(outcomes_, ElementsAre("sent UNKNOWN", "waiting DEADLINE_EXCEEDED"));
  AnswerPublished();  // too late, and harmless
  tests::Settle(loop_);
  EXPECT_EQ(outcomes_.size(), 2u);
  EXPECT_EQ(batches(), 1u);
}

TEST_F(PublisherTest, EndsWhileItWaitsToRepeat) {
  Say("sent");
  fanout_.publishes.AnswerLast(absl::UnavailableError("away"));
  tests::Settle(loop_);
  publisher_.reset();
  EXPECT_THAT(outcomes_, ElementsAre("sent UNKNOWN"));
  loop_.restart();
  loop_.run();  // nothing keeps it busy
  EXPECT_EQ(batches(), 1u);
}

TEST_F(PublisherTest, TakesMessagesOfManyThreadsWhileAnotherAnswers) {
  constexpr int kThreads = 3;
  constexpr int kEach = 500;
  std::atomic<int> published = 0;
  std::vector<std::thread> speakers;
  for (int thread = 0; thread < kThreads; ++thread) {
    speakers.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        publisher_->Publish("QGIS", "hi", true,
                            [&](const absl::Status& status) { published += status.ok(); });
        publisher_->Flush();
      }
    });
  }
  std::thread answerer([&] {
    uint64_t expected = 1;
    for (size_t number = 0; expected <= kThreads * kEach;) {
      if (number == fanout_.publishes.size()) {
        std::this_thread::yield();
        continue;
      }
      const PublishRequest request = fanout_.publishes.request(number);
      EXPECT_EQ(request.first_sequence(), expected);
      expected += static_cast<uint64_t>(request.drafts_size());
      fanout_.publishes.Answer(number++, FakeFanout::Published(request));
    }
  });
  for (std::thread& speaker : speakers) speaker.join();
  answerer.join();
  EXPECT_EQ(published, kThreads * kEach);
  EXPECT_EQ(publisher_->pending(), 0u);
}

TEST_F(PublisherTest, ChannelsComeAndGo) {
  Say("early", "New");
  publisher_->Add("New");
  Say("in time", "New");
  ASSERT_EQ(batches(), 1u);
  EXPECT_THAT(Batch(0), ElementsAre("in time"));
  Say("waits", "New");
  publisher_->Remove("New");
  Say("late", "New");
  EXPECT_THAT(outcomes_, ElementsAre("early NOT_FOUND", "in time UNKNOWN",
                                     "waits DEADLINE_EXCEEDED", "late NOT_FOUND"));
  AnswerPublished();
  Say("elsewhere");
  AnswerPublished();
  EXPECT_EQ(outcomes_.back(), "elsewhere OK");
}

TEST_F(PublisherTest, PassesTheTraceOfAMessageOn) {
  trace::v1::Trace trace;
  trace.set_request(7);
  publisher_->Publish(
      "QGIS", "traced", true, [](const absl::Status&) {}, Publisher::Clock::now(), trace);
  Say("not traced");
  const PublishRequest request = fanout_.publishes.request(0);
  ASSERT_EQ(request.drafts_size(), 2);
  EXPECT_EQ(request.drafts(0).trace().request(), 7u);
  EXPECT_FALSE(request.drafts(1).has_trace());
}

TEST_F(PublisherTest, StoppedItGivesEverythingItsOutcomeAndCallsFanoutNoMore) {
  Say("sent");
  Say("waiting");
  FailAndAwaitRetry(absl::UnavailableError("away"));
  ASSERT_EQ(batches(), 2U);
  fanout_.publishes.AnswerLast(absl::UnavailableError("away"));  // it waits for the next attempt
  publisher_->Stop();
  EXPECT_THAT(outcomes_, ElementsAre("sent UNKNOWN", "waiting DEADLINE_EXCEEDED"));
  Say("late");
  EXPECT_EQ(outcomes_.back(), "late RESOURCE_EXHAUSTED");
  Outwait(absl::Milliseconds(200));  // longer than until the next attempt
  EXPECT_EQ(batches(), 2U);
}

}  // namespace
}  // namespace gischat::edge::clients
