#include "edge/clients/event_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/chat_messages.h"
#include "tests/support/fake_backends.h"
#include "tests/support/run_until.h"

namespace gischat::edge::clients {
namespace {

using fanout::v1::Event;
using fanout::v1::Item;
using fanout::v1::SubscribeResponse;
using testing::ElementsAre;
using testing::IsEmpty;
using tests::RunUntil;

constexpr uint64_t kEpoch = 77;

Event EventAt(uint64_t offset, uint64_t epoch = kEpoch) {
  Event event;
  event.set_epoch(epoch);
  event.set_offset(offset);
  event.set_stored(true);
  event.set_message(tests::TextMessage("t" + std::to_string(offset)).SerializeAsString());
  return event;
}

// A response of events in one channel.
SubscribeResponse Events(const std::vector<Event>& events, const std::string& channel = "QGIS") {
  SubscribeResponse response;
  for (const Event& event : events) {
    Item& item = *response.add_items();
    item.set_channel(channel);
    *item.mutable_event() = event;
  }
  return response;
}

SubscribeResponse SnapshotAt(uint64_t offset, const std::vector<Event>& history = {},
                             uint64_t epoch = kEpoch) {
  SubscribeResponse response;
  Item& item = *response.add_items();
  item.set_channel("QGIS");
  item.mutable_snapshot()->set_epoch(epoch);
  item.mutable_snapshot()->set_offset(offset);
  item.mutable_snapshot()->set_history_limit(5);
  for (const Event& event : history) *item.mutable_snapshot()->add_history() = event;
  return response;
}

class EventStreamTest : public testing::Test {
 protected:
  EventStreamTest() {
    stream_.Start();
    AwaitStream(1);
  }
  ~EventStreamTest() override {
    stream_.Stop();
    tests::Settle(loop_);
  }

  void AwaitStream(size_t number) {
    ASSERT_TRUE(RunUntil(loop_, [&] { return fanout_.streams() >= number; }));
    ASSERT_EQ(fanout_.streams(), number);
  }
  // What the stream opened last hears.
  void Hear(const SubscribeResponse& response) {
    fanout_.stream(fanout_.streams() - 1).listener->OnResponse(response);
  }
  // Breaks the stream and waits for the next one.
  void Break() {
    const size_t number = fanout_.streams();
    fanout_.stream(number - 1).listener->OnEnd(absl::UnavailableError("cut"));
    AwaitStream(number + 1);
  }
  // "channel epoch/offset" of every point where the last stream resumes.
  std::vector<std::string> Resumed() {
    std::vector<std::string> points;
    const auto request = fanout_.stream(fanout_.streams() - 1).request;
    for (const auto& point : request.channels()) {
      points.push_back(point.channel() + " " + std::to_string(point.epoch()) + "/" +
                       std::to_string(point.offset()));
    }
    return points;
  }
  void Write(const hub::Updates& updates) {
    for (const hub::ChannelUpdate& update : *updates) {
      std::string line =
          update.is_snapshot ? "snapshot " + std::to_string(update.place.offset) : "";
      for (const hub::Happening& happening : update.happenings) {
        line += (line.empty() ? "" : " ") + happening.broadcast->message().text().text();
      }
      heard_.push_back(line);
      last_ = update;
    }
  }

  boost::asio::io_context loop_;
  tests::FakeFanout fanout_;
  prometheus::Registry registry_;
  std::vector<std::string> heard_;
  hub::ChannelUpdate last_;
  EventStream stream_{loop_,
                      fanout_,
                      "edge-1",
                      {"QGIS", "Geotribu"},
                      [this](const hub::Updates& updates) { Write(updates); },
                      registry_};
};

TEST_F(EventStreamTest, AsksForEveryChannelFromTheBeginning) {
  EXPECT_EQ(fanout_.stream(0).request.edge(), "edge-1");
  EXPECT_THAT(Resumed(), ElementsAre("Geotribu 0/0", "QGIS 0/0"));
}

TEST_F(EventStreamTest, HandsOnSnapshotsAndEvents) {
  Hear(SnapshotAt(2, {EventAt(1), EventAt(2)}));
  EXPECT_EQ(last_.channel, "QGIS");
  EXPECT_EQ(last_.place.epoch, kEpoch);
  EXPECT_EQ(last_.history_limit, 5u);
  Hear(Events({EventAt(3), EventAt(4)}));
  EXPECT_THAT(heard_, ElementsAre("snapshot 2 t1 t2", "t3", "t4"));
  EXPECT_TRUE(last_.happenings[0].stored);
  EXPECT_EQ(last_.happenings[0].place.offset, 4u);
}

TEST_F(EventStreamTest, IsHealthyWhileItIsHeard) {
  EXPECT_FALSE(stream_.Health().ok());
  Hear(SubscribeResponse());
  EXPECT_TRUE(stream_.Health().ok());
  EXPECT_THAT(heard_, IsEmpty());
  fanout_.stream(0).listener->OnEnd(absl::UnavailableError("cut"));
  EXPECT_FALSE(stream_.Health().ok());
}

TEST_F(EventStreamTest, ResumesWhereItStood) {
  Hear(SnapshotAt(2));
  Hear(Events({EventAt(3)}));
  Break();
  EXPECT_THAT(Resumed(), ElementsAre("Geotribu 0/0", "QGIS 77/3"));
  EXPECT_TRUE(*fanout_.stream(0).cancelled);
  EXPECT_FALSE(*fanout_.stream(1).cancelled);
  Hear(Events({EventAt(4)}));
  EXPECT_THAT(heard_, ElementsAre("snapshot 2", "t3", "t4"));
  EXPECT_TRUE(stream_.Health().ok());
}

TEST_F(EventStreamTest, TriesAgainAndAgain) {
  for (int i = 0; i < 4; ++i) Break();
  Hear(SnapshotAt(0));
  EXPECT_THAT(heard_, ElementsAre("snapshot 0"));
}

TEST_F(EventStreamTest, StartsAfreshFromASnapshot) {
  Hear(SnapshotAt(7));
  Hear(SnapshotAt(2, {}, kEpoch + 1));
  Hear(Events({EventAt(3, kEpoch + 1)}));
  EXPECT_THAT(heard_, ElementsAre("snapshot 7", "snapshot 2", "t3"));
  Break();
  EXPECT_THAT(Resumed(), ElementsAre("Geotribu 0/0", "QGIS 78/3"));
}

TEST_F(EventStreamTest, IgnoresEventsThatItHasHeardBefore) {
  Hear(SnapshotAt(2));
  Hear(Events({EventAt(1), EventAt(2), EventAt(3), EventAt(3)}));
  EXPECT_THAT(heard_, ElementsAre("snapshot 2", "t3"));
}

TEST_F(EventStreamTest, IgnoresChannelsThatItDidNotAskFor) {
  Hear(Events({EventAt(1)}, "nope"));
  EXPECT_THAT(heard_, IsEmpty());
}

TEST_F(EventStreamTest, BeginsAgainWhenAnEventIsMissing) {
  Hear(SnapshotAt(2));
  Hear(Events({EventAt(4)}));
  AwaitStream(2);
  EXPECT_THAT(Resumed(), ElementsAre("Geotribu 0/0", "QGIS 77/2"));
  EXPECT_THAT(heard_, ElementsAre("snapshot 2"));
}

TEST_F(EventStreamTest, HandsOnWhatCameBeforeAMissingEvent) {
  Hear(SnapshotAt(2));
  Hear(Events({EventAt(3), EventAt(5)}));
  EXPECT_THAT(heard_, ElementsAre("snapshot 2", "t3"));
  AwaitStream(2);
  EXPECT_THAT(Resumed(), ElementsAre("Geotribu 0/0", "QGIS 77/3"));
}

TEST_F(EventStreamTest, LeavesOutWhatItCanNotRead) {
  Event broken = EventAt(1);
  broken.set_message("\xff\xff");
  Hear(SnapshotAt(0));
  Hear(Events({broken, EventAt(2)}));
  EXPECT_THAT(heard_, ElementsAre("snapshot 0", "", "t2"));
}

TEST_F(EventStreamTest, HearsNothingOfAnOldStreamAfterItsEnd) {
  Hear(SnapshotAt(2));
  fanout_.stream(0).listener->OnEnd(absl::UnavailableError("cut"));
  fanout_.stream(0).listener->OnResponse(Events({EventAt(3)}));
  AwaitStream(2);
  fanout_.stream(0).listener->OnResponse(Events({EventAt(3)}));
  fanout_.stream(0).listener->OnEnd(absl::UnavailableError("cut"));
  EXPECT_THAT(heard_, ElementsAre("snapshot 2"));
  Hear(Events({EventAt(3)}));
  EXPECT_THAT(heard_, ElementsAre("snapshot 2", "t3"));
}

TEST_F(EventStreamTest, BeginsAgainAfterThreeSecondsOfSilence) {
  const auto hear_for = [&](absl::Duration time) {
    const absl::Time then = absl::Now() + time;
    while (absl::Now() < then) {
      Hear(SubscribeResponse());
      tests::RunFor(loop_, std::chrono::milliseconds(250));
    }
  };
  hear_for(absl::Milliseconds(3500));
  ASSERT_EQ(fanout_.streams(), 1u) << "a heartbeat was not heard";
  EXPECT_TRUE(RunUntil(loop_, [&] { return fanout_.streams() == 3; }));
  EXPECT_TRUE(*fanout_.stream(0).cancelled);
}

// Says nothing until the stream is given up, and two are opened in its place.
class SilentEventStreamTest : public EventStreamTest {
 protected:
  SilentEventStreamTest() {
    Hear(SnapshotAt(2));
    EXPECT_TRUE(RunUntil(loop_, [&] { return fanout_.streams() == 3; }));
  }
  bool IsCancelled(size_t number) { return *fanout_.stream(number).cancelled; }
};

TEST_F(SilentEventStreamTest, TakesTheStreamThatIsHeardFirst) {
  fanout_.stream(2).listener->OnResponse(Events({EventAt(3)}));
  fanout_.stream(1).listener->OnResponse(Events({EventAt(3), EventAt(4)}));
  tests::Settle(loop_);
  EXPECT_THAT(heard_, ElementsAre("snapshot 2", "t3"));
  EXPECT_TRUE(stream_.Health().ok());
  EXPECT_TRUE(IsCancelled(1));
  EXPECT_FALSE(IsCancelled(2));
  fanout_.stream(1).listener->OnEnd(absl::CancelledError());
  Hear(Events({EventAt(4)}));
  EXPECT_THAT(heard_, ElementsAre("snapshot 2", "t3", "t4"));
  Break();
  EXPECT_EQ(fanout_.streams(), 4U) << "two again, though the last one was heard";
}

TEST_F(SilentEventStreamTest, TriesAgainWhenBothHaveEnded) {
  fanout_.stream(1).listener->OnEnd(absl::UnavailableError("away"));
  tests::RunFor(loop_, std::chrono::milliseconds(300));
  EXPECT_EQ(fanout_.streams(), 3U) << "the other one may still be heard";
  fanout_.stream(2).listener->OnEnd(absl::UnavailableError("away"));
  AwaitStream(4);
  Hear(Events({EventAt(3)}));
  EXPECT_THAT(heard_, ElementsAre("snapshot 2", "t3"));
}

TEST_F(SilentEventStreamTest, TriesTwoAgainWhenBothAreSilent) {
  EXPECT_TRUE(RunUntil(loop_, [&] { return fanout_.streams() == 5; }));
  EXPECT_TRUE(IsCancelled(1));
  EXPECT_TRUE(IsCancelled(2));
}

TEST_F(EventStreamTest, StopsForGood) {
  stream_.Stop();
  tests::Settle(loop_);
  EXPECT_TRUE(*fanout_.stream(0).cancelled);
  fanout_.stream(0).listener->OnEnd(absl::UnavailableError("cut"));
  loop_.restart();
  loop_.run();  // no timer is left
  EXPECT_EQ(fanout_.streams(), 1u);
}

TEST_F(EventStreamTest, IsHeardAndBrokenOnOtherThreads) {
  constexpr uint64_t kEvents = 200;
  Hear(SnapshotAt(0));
  std::atomic<bool> done = false;
  std::thread service([&] {
    uint64_t offset = 1;
    for (size_t number = 0; offset <= kEvents; ++number) {
      while (fanout_.streams() == number) std::this_thread::yield();
      const auto listener = fanout_.stream(number).listener;
      for (int i = 0; i < 50; ++i) listener->OnResponse(Events({EventAt(offset++)}));
      listener->OnEnd(absl::UnavailableError("cut"));
    }
    done = true;
  });
  EXPECT_TRUE(RunUntil(loop_, [&] { return done.load(); }));
  service.join();
  EXPECT_EQ(heard_.size(), kEvents + 1);
  EXPECT_EQ(heard_.back(), "t200");
}

TEST_F(EventStreamTest, BeginsAgainWhenAChannelComesWithoutMissingAnything) {
  Hear(SnapshotAt(0));
  Hear(Events({EventAt(1)}));
  stream_.Add({"New", "Newer"});
  tests::Settle(loop_);
  ASSERT_EQ(fanout_.streams(), 2u);
  EXPECT_THAT(Resumed(), ElementsAre("Geotribu 0/0", "New 0/0", "Newer 0/0", "QGIS 77/1"));
  EXPECT_TRUE(*fanout_.stream(0).cancelled);
  EXPECT_TRUE(stream_.Health().ok()) << "it is not away meanwhile";
  fanout_.stream(0).listener->OnResponse(Events({EventAt(2)}));  // the other one has it, too
  fanout_.stream(0).listener->OnEnd(absl::CancelledError("ours"));
  Hear(Events({EventAt(2), EventAt(3)}));
  EXPECT_THAT(heard_, ElementsAre("snapshot 0", "t1", "t2", "t3"));
  tests::Settle(loop_);
  EXPECT_EQ(fanout_.streams(), 2u);
}

TEST_F(EventStreamTest, AsksNoMoreForAChannelThatIsRemoved) {
  Hear(SnapshotAt(1));
  stream_.Remove("QGIS");
  tests::Settle(loop_);
  ASSERT_EQ(fanout_.streams(), 2u);
  EXPECT_THAT(Resumed(), ElementsAre("Geotribu 0/0"));
  Hear(Events({EventAt(2)}));
  EXPECT_THAT(heard_, ElementsAre("snapshot 1"));
  stream_.Add({"QGIS"});
  tests::Settle(loop_);
  ASSERT_EQ(fanout_.streams(), 3u);
  EXPECT_THAT(Resumed(), ElementsAre("Geotribu 0/0", "QGIS 0/0"));
}

TEST_F(EventStreamTest, AChannelThatComesWhileFanoutIsAwayIsAskedForWhenItIsBack) {
  fanout_.stream(0).listener->OnEnd(absl::UnavailableError("cut"));
  stream_.Add({"New"});
  AwaitStream(2);
  EXPECT_THAT(Resumed(), ElementsAre("Geotribu 0/0", "New 0/0", "QGIS 0/0"));
}

}  // namespace
}  // namespace gischat::edge::clients
