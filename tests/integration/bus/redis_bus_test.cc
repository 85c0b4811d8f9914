// What only Redis can do to the bus.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <atomic>
#include <sstream>
#include <thread>

#include "tests/integration/bus/bus_fixture.h"
#include "tests/support/wait_until.h"

namespace gischat::tests {
namespace {

using bus::Limits;
using bus::Position;
using bus::Receipt;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Outcome = Receipt::Outcome;

class RedisBus : public ::testing::Test {
 protected:
  std::unique_ptr<RedisBusProcess> Connect(const Limits& limits = {}) {
    auto process = std::make_unique<RedisBusProcess>(server_.options(), limits);
    EXPECT_TRUE(BecomesReady(*process));
    return process;
  }

  static bool BecomesReady(RedisBusProcess& process) {
    return WaitUntil([&] { return process.client().ready() && process.subscriber().ready(); });
  }

  // Publishes, again and again, until it succeeds: what an edge does during an outage.
  static void PublishUntilDone(RedisBusProcess& process, const bus::Batch& batch) {
    absl::StatusOr<Receipt> receipt = absl::UnknownError("not tried");
    EXPECT_TRUE(WaitUntil([&] {
      receipt = Publish(process.bus(), "QGIS", batch);
      return receipt.ok();
    })) << receipt.status();
    ASSERT_TRUE(receipt.ok());
    EXPECT_EQ(receipt->outcome, Outcome::kPublished);
  }

  static Position PositionOf(RedisBusProcess& process) {
    const auto snapshot = ReadHistory(process.bus(), "QGIS");
    EXPECT_TRUE(snapshot.ok()) << snapshot.status();
    return snapshot.ok() ? snapshot->position : Position{};
  }

  static std::string Metrics(RedisBusProcess& process) {
    std::ostringstream text;
    prometheus::TextSerializer().Serialize(text, process.registry().Collect());
    return text.str();
  }

  RedisServer server_;
};

TEST_F(RedisBus, TwoProcessesHearEachOther) {
  auto one = Connect();
  auto two = Connect();
  auto heard_by_one = std::make_shared<Recorder>();
  auto heard_by_two = std::make_shared<Recorder>();
  auto first = one->bus().Subscribe("QGIS", heard_by_one);
  auto second = two->bus().Subscribe("QGIS", heard_by_two);
  ASSERT_TRUE(
      WaitUntil([&] { return heard_by_one->resumed() > 0 && heard_by_two->resumed() > 0; }));

  PublishUntilDone(*one, MakeBatch("one", 1, {"from one"}));
  PublishUntilDone(*two, MakeBatch("two", 1, {"from two"}));

  for (const auto& recorder : {heard_by_one, heard_by_two}) {
    ASSERT_TRUE(WaitUntil([&] { return recorder->count() == 2; }));
    EXPECT_THAT(recorder->payloads(), ElementsAre("from one", "from two"));
  }
  EXPECT_EQ(PositionOf(*one), PositionOf(*two));
}

TEST_F(RedisBus, SeriesIsForgottenAfterTenMinutes) {
  auto process = Connect();
  PublishUntilDone(*process, MakeBatch("edge", 1, {"one"}));
  const std::string key = "gischat:{test:QGIS}:series:edge";
  const int64_t lifetime = server_.Execute({"PTTL", key}).integer;
  EXPECT_GT(lifetime, 590'000);
  EXPECT_LE(lifetime, 600'000);

  server_.Execute({"DEL", key});

  const auto receipt = Publish(process->bus(), "QGIS", MakeBatch("edge", 2, {"two"}));
  ASSERT_TRUE(receipt.ok());
  EXPECT_EQ(receipt->outcome, Outcome::kGap);
  EXPECT_EQ(receipt->next_sequence, 1u);
}

TEST_F(RedisBus, KeysOfAChannelShareASlotAndOnlyItsPlaceAndItsBoundedHistoryStay) {
  auto process = Connect();
  PublishUntilDone(*process, MakeBatch("edge", 1, {"one"}, true));

  for (const std::string what : {"log", "log-index", "series:edge"}) {
    EXPECT_GT(server_.Execute({"PTTL", "gischat:{test:QGIS}:" + what}).integer, 0) << what;
  }
  for (const std::string what : {"channel", "history"}) {
    EXPECT_EQ(server_.Execute({"PTTL", "gischat:{test:QGIS}:" + what}).integer, -1) << what;
  }
  EXPECT_EQ(server_.Execute({"DBSIZE"}).integer, 5);

  PublishUntilDone(*process, MakeBatch("edge", 2, {"2", "3", "4", "5", "6", "7"}, true));
  EXPECT_EQ(server_.Execute({"LLEN", "gischat:{test:QGIS}:history"}).integer, 5);
}

TEST_F(RedisBus, CutConnectionsAreRepairedAndTheMissingEventsAreInTheLog) {
  auto process = Connect();
  auto other = Connect();
  auto recorder = std::make_shared<Recorder>();
  auto subscription = process->bus().Subscribe("QGIS", recorder);
  ASSERT_TRUE(WaitUntil([&] { return recorder->resumed() == 1; }));
  PublishUntilDone(*other, MakeBatch("edge", 1, {"before"}));
  ASSERT_TRUE(WaitUntil([&] { return recorder->count() == 1; }));
  const Position before = recorder->events().back()->position;

  server_.Execute({"CLIENT", "KILL", "TYPE", "pubsub"});
  server_.Execute({"CLIENT", "KILL", "TYPE", "normal"});
  PublishUntilDone(*other, MakeBatch("edge", 2, {"between"}));
  ASSERT_TRUE(WaitUntil([&] { return recorder->resumed() == 2; }));
  ASSERT_TRUE(BecomesReady(*process));
  PublishUntilDone(*other, MakeBatch("edge", 3, {"after"}));

  ASSERT_TRUE(WaitUntil(
      [&] { return recorder->count() > 0 && recorder->events().back()->payload == "after"; }));
  const auto slice = ReadLog(process->bus(), "QGIS", before);
  ASSERT_TRUE(slice.ok());
  EXPECT_TRUE(slice->complete);
  EXPECT_THAT(Payloads(slice->events), ElementsAre("between", "after"));
  EXPECT_THAT(Metrics(*process),
              HasSubstr("gischat_redis_reconnects_total{connection=\"test\"} 1"));
}

TEST_F(RedisBus, RestartWithDataGoesOnInANewEpochWithoutAHole) {
  auto process = Connect();
  PublishUntilDone(*process, MakeBatch("edge", 1, {"one", "two"}, true));
  const Position before = PositionOf(*process);

  server_.Stop();
  const auto during = Publish(process->bus(), "QGIS", MakeBatch("edge", 3, {"three"}));
  EXPECT_EQ(during.status().code(), absl::StatusCode::kUnavailable) << during.status();
  server_.Start();
  PublishUntilDone(*process, MakeBatch("edge", 3, {"three"}, true));

  const auto slice = ReadLog(process->bus(), "QGIS", {before.epoch, 1});
  ASSERT_TRUE(slice.ok());
  EXPECT_TRUE(slice->complete);
  ASSERT_THAT(Payloads(slice->events), ElementsAre("two", "three"));
  EXPECT_EQ(slice->events[0]->position, before);
  EXPECT_NE(slice->position.epoch, before.epoch);
  EXPECT_EQ(slice->events[1]->position, (Position{slice->position.epoch, 3}));
  const auto snapshot = ReadHistory(process->bus(), "QGIS");
  ASSERT_TRUE(snapshot.ok());
  EXPECT_THAT(Payloads(snapshot->history), ElementsAre("one", "two", "three"));
}

TEST_F(RedisBus, SeveralRestartsInARowLeaveNoHole) {
  auto process = Connect();
  PublishUntilDone(*process, MakeBatch("edge", 1, {"one"}));
  const Position before = PositionOf(*process);

  // What Redis looks like to itself after a restart with its data.
  for (const uint64_t number : {2, 3, 4}) {
    server_.Execute({"HSET", "gischat:{test:QGIS}:channel", "server", "another"});
    PublishUntilDone(*process, MakeBatch("edge", number, {std::to_string(number)}));
  }

  const auto slice = ReadLog(process->bus(), "QGIS", before);
  ASSERT_TRUE(slice.ok());
  EXPECT_TRUE(slice->complete);
  EXPECT_THAT(Payloads(slice->events), ElementsAre("2", "3", "4"));
  const auto rest = ReadLog(process->bus(), "QGIS", slice->events[1]->position);
  ASSERT_TRUE(rest.ok());
  EXPECT_THAT(Payloads(rest->events), ElementsAre("4"));
}

TEST_F(RedisBus, WhoSawWritesThatAFailoverLostHearsEverythingAfterThem) {
  auto process = Connect();
  PublishUntilDone(*process, MakeBatch("edge", 1, {"one", "two"}));
  const Position kept = PositionOf(*process);
  const std::string key = "gischat:{test:QGIS}:channel";
  PublishUntilDone(*process, MakeBatch("edge", 3, {"lost", "lost too"}));
  const Position seen = PositionOf(*process);

  // What a replica looks like that had not received the last two events when it took over.
  server_.Execute({"LTRIM", "gischat:{test:QGIS}:log", "0", "1"});
  server_.Execute({"LTRIM", "gischat:{test:QGIS}:log-index", "0", "1"});
  server_.Execute({"HSET", key, "offset", std::to_string(kept.offset), "server", "another"});
  server_.Execute({"DEL", "gischat:{test:QGIS}:series:edge"});
  PublishUntilDone(*process, MakeBatch("next", 1, {"three"}));

  for (const Position after : {kept, seen, Position{seen.epoch, 3}}) {
    const auto slice = ReadLog(process->bus(), "QGIS", after);
    ASSERT_TRUE(slice.ok());
    EXPECT_TRUE(slice->complete);
    ASSERT_THAT(Payloads(slice->events), ElementsAre("three"));
    EXPECT_NE(slice->events[0]->position.epoch, seen.epoch);
  }
}

TEST_F(RedisBus, RestartWithoutDataBeginsANewEpoch) {
  auto process = Connect();
  PublishUntilDone(*process, MakeBatch("edge", 1, {"one", "two"}, true));
  const Position before = PositionOf(*process);

  server_.Kill();
  server_.EraseData();
  server_.Start();
  PublishUntilDone(*process, MakeBatch("new", 1, {"fresh"}, true));

  const Position after = PositionOf(*process);
  EXPECT_NE(after.epoch, before.epoch);
  EXPECT_EQ(after.offset, 1u);
  const auto slice = ReadLog(process->bus(), "QGIS", before);
  ASSERT_TRUE(slice.ok());
  EXPECT_FALSE(slice->complete);
}

TEST_F(RedisBus, PauseOfThreeSecondsLosesNothing) {
  auto process = Connect();
  auto recorder = std::make_shared<Recorder>();
  auto subscription = process->bus().Subscribe("QGIS", recorder);
  ASSERT_TRUE(WaitUntil([&] { return recorder->resumed() == 1; }));
  PublishUntilDone(*process, MakeBatch("edge", 1, {"before"}));
  const Position start = PositionOf(*process);

  server_.Pause();
  const absl::Time paused = absl::Now();
  const auto during = Publish(process->bus(), "QGIS", MakeBatch("edge", 2, {"during"}));
  EXPECT_EQ(during.status().code(), absl::StatusCode::kUnavailable) << during.status();
  EXPECT_FALSE(process->client().ready());
  ASSERT_TRUE(WaitUntil([&] { return absl::Now() - paused > absl::Seconds(3); }));
  server_.Continue();

  // The attempt above may or may not have been run when Redis went on: once is what counts.
  PublishUntilDone(*process, MakeBatch("edge", 2, {"during"}));
  PublishUntilDone(*process, MakeBatch("edge", 3, {"after"}));
  const auto slice = ReadLog(process->bus(), "QGIS", start);
  ASSERT_TRUE(slice.ok());
  EXPECT_TRUE(slice->complete);
  EXPECT_THAT(Payloads(slice->events), ElementsAre("during", "after"));
  ASSERT_TRUE(BecomesReady(*process));
}

TEST_F(RedisBus, BatchThatWaitedInASocketBeyondItsDeadlineIsNotAppended) {
  auto process = Connect();
  const Position start = PositionOf(*process);
  bus::Batch batch = MakeBatch("edge", 1, {"late"});
  batch.deadline = absl::Now() + absl::Milliseconds(200);

  server_.Pause();
  std::thread resume([&] {
    EXPECT_TRUE(WaitUntil([&] { return absl::Now() > batch.deadline + absl::Milliseconds(100); }));
    server_.Continue();
  });
  const auto receipt = Publish(process->bus(), "QGIS", batch);
  resume.join();

  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_EQ(receipt->outcome, Outcome::kExpired);
  EXPECT_EQ(PositionOf(*process), start);
}

TEST_F(RedisBus, SubscriberThatHearsNoHeartbeatConnectsAgain) {
  auto process = Connect();
  auto recorder = std::make_shared<Recorder>();
  auto subscription = process->bus().Subscribe("QGIS", recorder);
  ASSERT_TRUE(WaitUntil([&] { return recorder->resumed() == 1; }));

  // Connected as it is, it hears nothing any more.
  server_.Execute({"ACL", "SETUSER", "default", "-publish"});
  ASSERT_TRUE(WaitUntil([&] { return recorder->resumed() >= 2; }));
  server_.Execute({"ACL", "SETUSER", "default", "+publish"});

  PublishUntilDone(*process, MakeBatch("edge", 1, {"again"}));
  ASSERT_TRUE(WaitUntil([&] { return recorder->count() >= 1; }));
}

TEST_F(RedisBus, FullRedisRefusesWithoutLosingItsPlace) {
  auto process = Connect();
  PublishUntilDone(*process, MakeBatch("edge", 1, {"one"}));
  server_.Execute({"CONFIG", "SET", "maxmemory", "1"});

  const auto refused = Publish(process->bus(), "QGIS", MakeBatch("edge", 2, {"two"}));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted) << refused.status();
  const auto snapshot = ReadHistory(process->bus(), "QGIS");
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ(snapshot->position.offset, 1u);
  // What stands in the channel already does so to whoever asks again.
  PublishUntilDone(*process, MakeBatch("edge", 1, {"one"}));

  server_.Execute({"CONFIG", "SET", "maxmemory", "0"});
  PublishUntilDone(*process, MakeBatch("edge", 2, {"two"}));
  EXPECT_EQ(PositionOf(*process).offset, 2u);
}

TEST_F(RedisBus, LogThatWasEvictedInPartBeginsAgain) {
  auto process = Connect();
  PublishUntilDone(*process, MakeBatch("edge", 1, {"one", "two"}));
  const Position before = PositionOf(*process);
  server_.Execute({"DEL", "gischat:{test:QGIS}:log-index"});

  PublishUntilDone(*process, MakeBatch("edge", 3, {"three"}));

  const auto from_start = ReadLog(process->bus(), "QGIS", {before.epoch, 1});
  const auto from_end = ReadLog(process->bus(), "QGIS", before);
  ASSERT_TRUE(from_start.ok() && from_end.ok());
  EXPECT_FALSE(from_start->complete);
  EXPECT_THAT(Payloads(from_end->events), ElementsAre("three"));
}

TEST_F(RedisBus, FlushedScriptsAreLoadedAgain) {
  auto process = Connect();
  PublishUntilDone(*process, MakeBatch("edge", 1, {"one"}));
  server_.Execute({"SCRIPT", "FLUSH"});
  PublishUntilDone(*process, MakeBatch("edge", 2, {"two"}));
  EXPECT_EQ(PositionOf(*process).offset, 2u);
}

TEST_F(RedisBus, ReplicaRefusesWithoutHarm) {
  auto process = Connect();
  server_.Execute({"REPLICAOF", "127.0.0.1", "1"});
  const auto refused = Publish(process->bus(), "QGIS", MakeBatch("edge", 1, {"one"}));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kUnavailable) << refused.status();
  server_.Execute({"REPLICAOF", "NO", "ONE"});
  PublishUntilDone(*process, MakeBatch("edge", 1, {"one"}));
}

TEST_F(RedisBus, StoppedClientAnswersWhatIsPending) {
  auto process = Connect();
  server_.Pause();
  std::atomic<int> answers = 0;
  for (int i = 0; i < 3; ++i) {
    process->client().Command({"PING"}, [&](const absl::StatusOr<redis::Reply>& reply) {
      EXPECT_EQ(reply.status().code(), absl::StatusCode::kUnavailable);
      ++answers;
    });
  }
  process->client().Stop();
  EXPECT_EQ(answers, 3);
  EXPECT_FALSE(process->client().ready());
  server_.Continue();
}

TEST_F(RedisBus, ClockOfRedisIsKnown) {
  auto process = Connect();
  EXPECT_LT(absl::AbsDuration(process->client().clock_offset()), absl::Milliseconds(50));
  EXPECT_NE(process->client().clock_offset(), absl::ZeroDuration());
}

TEST(RedisDatabase, InstancesOfTheSameNameInTwoOfThemDoNotHearEachOther) {
  RedisServer server;
  redis::Options options = server.options();
  RedisBusProcess one(options, {});
  options.database = 3;
  RedisBusProcess three(options, {});
  auto heard_by_one = std::make_shared<Recorder>();
  auto heard_by_three = std::make_shared<Recorder>();
  auto first = one.bus().Subscribe("QGIS", heard_by_one);
  auto second = three.bus().Subscribe("QGIS", heard_by_three);
  ASSERT_TRUE(
      WaitUntil([&] { return heard_by_one->resumed() > 0 && heard_by_three->resumed() > 0; }));
  ASSERT_TRUE(WaitUntil([&] { return one.client().ready() && three.client().ready(); }));

  ASSERT_TRUE(Publish(one.bus(), "QGIS", MakeBatch("edge", 1, {"to one"}, true)).ok());
  ASSERT_TRUE(Publish(three.bus(), "QGIS", MakeBatch("edge", 1, {"to three"}, true)).ok());

  ASSERT_TRUE(WaitUntil([&] { return heard_by_one->count() > 0 && heard_by_three->count() > 0; }));
  EXPECT_THAT(heard_by_one->payloads(), ElementsAre("to one"));
  EXPECT_THAT(heard_by_three->payloads(), ElementsAre("to three"));
  EXPECT_THAT(Payloads(ReadHistory(three.bus(), "QGIS")->history), ElementsAre("to three"));
}

TEST(RedisUser, OfAnAccessListIsWelcomeWithWhatTheBusNeeds) {
  RedisServer server;
  server.Execute({"ACL", "SETUSER", "ada", "on", ">s:e/c@ret", "~gischat:*", "&gischat:*", "-@all",
                  "+@read", "+@write", "+@connection", "+@scripting", "+@pubsub", "+time",
                  "+info"});
  server.Execute({"ACL", "SETUSER", "default", "off"});
  const auto options = redis::ParseUrl(
      "redis://ada:s%3Ae%2Fc%40ret@127.0.0.1:" + std::to_string(server.port()) + "/2");
  ASSERT_TRUE(options.ok()) << options.status();
  RedisBusProcess process(*options, {});
  auto recorder = std::make_shared<Recorder>();
  auto subscription = process.bus().Subscribe("QGIS", recorder);
  ASSERT_TRUE(WaitUntil([&] { return process.client().ready() && recorder->resumed() > 0; }));
  const auto receipt = Publish(process.bus(), "QGIS", MakeBatch("edge", 1, {"one"}));
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_TRUE(WaitUntil([&] { return recorder->count() == 1; }));
}

TEST(RedisPassword, WrongOneIsTriedUntilItIsRight) {
  RedisServer server({.password = "secret", .arguments = {}});
  redis::Options wrong = server.options();
  wrong.password = "guess";
  RedisBusProcess refused(wrong, {});
  RedisBusProcess welcome(server.options(), {});

  ASSERT_TRUE(WaitUntil([&] { return welcome.client().ready() && welcome.subscriber().ready(); }));
  ASSERT_TRUE(WaitUntil([&] {
    const auto rejected = server.Execute({"INFO", "stats"}).text;
    return rejected.find("acl_access_denied_auth:0") == std::string::npos;
  }));
  EXPECT_FALSE(refused.client().ready());
  const auto receipt = Publish(refused.bus(), "QGIS", MakeBatch("edge", 1, {"one"}));
  EXPECT_EQ(receipt.status().code(), absl::StatusCode::kUnavailable);

  server.Execute({"CONFIG", "SET", "requirepass", "guess"});
  EXPECT_TRUE(WaitUntil([&] { return refused.client().ready() && refused.subscriber().ready(); }));
}

}  // namespace
}  // namespace gischat::tests
