#include <gmock/gmock.h>
#include <prometheus/registry.h>

#include <cinttypes>
#include <cstdio>

#include "common/bus/redis_bus.h"
#include "common/redis/client.h"
#include "common/redis/subscriber.h"
#include "services/presence/events.h"
#include "services/presence/redis_presence_store.h"
#include "tests/integration/presence/store_suite.h"
#include "tests/integration/presence/wait_for.h"
#include "tests/support/loop_thread.h"
#include "tests/support/redis_server.h"
#include "tests/support/wait_until.h"

namespace gischat::presence {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<const redis::Script*> AllScripts() {
  std::vector<const redis::Script*> scripts = bus::RedisBus::Scripts();
  for (const redis::Script* script : RedisPresenceStore::Scripts()) scripts.push_back(script);
  return scripts;
}

// Two replicas and a bus on one Redis.
class RedisWorld : public StoreWorld {
 public:
  explicit RedisWorld(absl::Duration time_to_live)
      : client_(loop_.loop(), server_.options(), "one", AllScripts(), registry_),
        other_client_(loop_.loop(), server_.options(), "two", AllScripts(), registry_),
        subscriber_(loop_.loop(), server_.options(), "ear", client_, registry_),
        bus_(loop_.loop(), client_, subscriber_, "test", bus::Limits()),
        store_(client_, "test", bus::Limits(), time_to_live),
        other_store_(other_client_, "test", bus::Limits(), time_to_live) {
    subscriber_.Start();
    client_.Start();
    other_client_.Start();
    AwaitRedis();
  }
  ~RedisWorld() override { loop_.Stop(); }

  void AwaitRedis() {
    EXPECT_TRUE(tests::WaitUntil([&] { return client_.ready() && other_client_.ready(); }));
  }
  void AwaitLoss() {
    EXPECT_TRUE(tests::WaitUntil([&] { return !client_.ready() && !other_client_.ready(); }));
  }

  bus::MessageBus& bus() override { return bus_; }
  PresenceStore& store() override { return store_; }
  PresenceStore& other_store() override { return other_store_; }
  tests::RedisServer& server() { return server_; }

 private:
  tests::RedisServer server_;
  tests::LoopThread loop_;
  prometheus::Registry registry_;
  redis::Client client_;
  redis::Client other_client_;
  redis::Subscriber subscriber_;
  bus::RedisBus bus_;
  RedisPresenceStore store_;
  RedisPresenceStore other_store_;
};

std::unique_ptr<StoreWorld> MakeRedisWorld(absl::Duration time_to_live) {
  return std::make_unique<RedisWorld>(time_to_live);
}

INSTANTIATE_TEST_SUITE_P(Redis, PresenceStoreSuite, testing::Values(&MakeRedisWorld));

// What only a store outside the process can go through.
class RedisPresenceStoreTest : public PresenceStoreSuite {
 protected:
  RedisWorld& world() { return static_cast<RedisWorld&>(*world_); }
  redis::Reply Redis(const std::vector<std::string>& command) {
    return world().server().Execute(command);
  }
};
INSTANTIATE_TEST_SUITE_P(Redis, RedisPresenceStoreTest, testing::Values(&MakeRedisWorld));

TEST_P(RedisPresenceStoreTest, EdgesThatAnnounceThemselvesAgainRestoreAnEmptyRedis) {
  Report("a", 7, 3, true);
  const uint64_t revision = Report("b", 9, 4, true).count.revision;
  Register("a", 1, "ada", "r1");

  world().server().Kill();
  world().AwaitLoss();
  world().server().EraseData();
  world().server().Start();
  world().AwaitRedis();

  EXPECT_FALSE(Report("a", 8, 3).known);
  EXPECT_EQ(Register("a", 1, "ada", "r2"), ClaimOutcome::kLeaseUnknown);
  EXPECT_EQ(Report("a", 9, 3, true).count.connections, 3U);
  EXPECT_EQ(Report("b", 10, 4, true).count.connections, 7U);
  EXPECT_GT(Counted().revision, revision);
  EXPECT_EQ(Register("a", 1, "ada", "r3"), ClaimOutcome::kRegistered);
  EXPECT_THAT(Users(), ElementsAre("ada"));
}

TEST_P(RedisPresenceStoreTest, RestartWithDataForgetsNothing) {
  Report("a", 7, 3, true);
  Register("a", 1, "ada", "r1");
  const Count count = Counted();
  world().server().Stop();
  world().AwaitLoss();
  world().server().Start();
  world().AwaitRedis();
  EXPECT_TRUE(Report("a", 8, 3).known);
  EXPECT_EQ(Counted().revision, count.revision);
  EXPECT_THAT(Users(), ElementsAre("ada"));
}

TEST_P(RedisPresenceStoreTest, EverythingIsUnavailableWhileRedisIsAway) {
  world().server().Kill();
  world().AwaitLoss();
  const auto report = WaitFor<ReportOutcome>(
      [&](auto done) { store().Report({.channel = "QGIS", .lease = "a"}, std::move(done)); });
  EXPECT_EQ(report.status().code(), absl::StatusCode::kUnavailable) << report.status();
  const auto users = WaitFor<std::vector<std::string>>(
      [&](auto done) { store().ListUsers("QGIS", std::move(done)); });
  EXPECT_EQ(users.status().code(), absl::StatusCode::kUnavailable) << users.status();
  world().server().Start();
  world().AwaitRedis();
  EXPECT_THAT(Users(), IsEmpty());
}

TEST_P(RedisPresenceStoreTest, NothingOfPresenceStaysForEver) {
  Report("a", 1, 3, true);
  Register("a", 1, "ada", "r1");
  Register("a", 1, "lovelace", "r2", "ada");
  Announce(Counted(), absl::ZeroDuration());
  for (const char* what : {"leases", "holdings", "users", "count", "withdrawn:ada:1:a"}) {
    const redis::Reply life = Redis({"PTTL", std::string("gischat:{test:QGIS}:") + what});
    EXPECT_GT(life.integer, 0) << what;
    EXPECT_LE(life.integer, 600'000) << what;
  }
}

TEST_P(RedisPresenceStoreTest, NamesOfLeasesThatRedisLostAreFree) {
  Report("a", 1, 3, true);
  Report("b", 1, 2, true);
  Register("a", 1, "ada", "r1");
  Redis({"ZREM", "gischat:{test:QGIS}:leases", "a"});
  EXPECT_EQ(Register("b", 1, "ada", "r2"), ClaimOutcome::kRegistered);

  Redis({"DEL", "gischat:{test:QGIS}:leases"});
  EXPECT_EQ(Report("c", 1, 5, true).count.connections, 5U);
  EXPECT_THAT(Users(), IsEmpty());
}

TEST_P(RedisPresenceStoreTest, ClaimThatRedisLostIsToldAgainUnderTheSameName) {
  Report("a", 1, 1, true);
  Register("a", 1, "ada", "r1");
  Redis({"HDEL", "gischat:{test:QGIS}:users", "ada"});
  EXPECT_EQ(Register("a", 1, "ada", "r1"), ClaimOutcome::kRegistered);
  EXPECT_THAT(Heard(), ElementsAre("newcomer ada", "newcomer ada"));
  EXPECT_THAT(Publishers(), ElementsAre("newcomer a r1", "newcomer a r1"));
}

TEST_P(RedisPresenceStoreTest, FullRedisChangesNothingHalfway) {
  Report("a", 1, 3, true);
  Register("a", 1, "ada", "r1");
  Redis({"CONFIG", "SET", "maxmemory", "1"});
  const auto renamed = WaitFor<ClaimOutcome>([&](auto done) {
    store().Register({.channel = "QGIS",
                      .lease = "a",
                      .connection = 1,
                      .request_id = "r2",
                      .nickname = "lovelace",
                      .previous_nickname = "ada",
                      .newcomer_event = "newcomer",
                      .exiter_event = "exiter"},
                     std::move(done));
  });
  EXPECT_EQ(renamed.status().code(), absl::StatusCode::kResourceExhausted) << renamed.status();
  Redis({"CONFIG", "SET", "maxmemory", "0"});
  EXPECT_THAT(Users(), ElementsAre("ada"));
  EXPECT_THAT(Heard(), ElementsAre("newcomer ada"));
}

TEST_P(RedisPresenceStoreTest, FullRedisStillKnowsWhoIsThere) {
  Use(absl::Seconds(1));
  Report("a", 1, 3, true);
  Register("a", 1, "ada", "r1");
  Register("a", 2, "grace", "r2");
  Redis({"CONFIG", "SET", "maxmemory", "1"});
  EXPECT_EQ(Report("a", 2, 4).count.connections, 4U);
  EXPECT_EQ(Report("b", 1, 1, true).count.connections, 5U);
  EXPECT_TRUE(Announce(Counted(), absl::ZeroDuration()).published);
  EXPECT_TRUE(Unregister("a", 1, "ada", "r1"));
  ASSERT_TRUE(tests::WaitUntil([&] {
    Report("b", 2, 1);
    return !Expired().empty();
  }));
  EXPECT_TRUE(Evict("a", {"grace"}, true));
  EXPECT_EQ(Counted().connections, 1U);
  EXPECT_THAT(Users(), IsEmpty());
  Redis({"CONFIG", "SET", "maxmemory", "0"});
  EXPECT_THAT(Heard(), ElementsAre("newcomer ada", "newcomer grace", "nb_users 5", "exiter ada",
                                   "exiter grace"));
}

TEST_P(RedisPresenceStoreTest, TenThousandNicknamesAreEvictedInSteps) {
  constexpr uint64_t kNames = 10'000;
  Report("a", 1, kNames, true);
  std::vector<std::string> nicknames;
  for (uint64_t i = 0; i < kNames; ++i) {
    nicknames.push_back("user" + std::to_string(i));
    store().Register({.channel = "QGIS",
                      .lease = "a",
                      .connection = i,
                      .request_id = "r",
                      .nickname = nicknames.back(),
                      .previous_nickname = {},
                      .newcomer_event = "newcomer",
                      .exiter_event = {}},
                     [](const absl::StatusOr<ClaimOutcome>& /*outcome*/) {});
  }
  ASSERT_EQ(Users(), nicknames);
  const absl::Time began = absl::Now();
  ASSERT_EQ(Held("a").nicknames, nicknames);
  const absl::Time found = absl::Now();
  Redis({"CONFIG", "RESETSTAT"});
  EXPECT_TRUE(Evict("a", nicknames, false));
  const absl::Duration evicted = absl::Now() - found;
  const std::string statistics = Redis({"INFO", "commandstats"}).text;
  uint64_t steps = 0;
  double microseconds = 0;
  const size_t at = statistics.find("cmdstat_evalsha:");
  ASSERT_NE(at, std::string::npos);
  ASSERT_EQ(std::sscanf(statistics.c_str() + at,
                        "cmdstat_evalsha:calls=%" SCNu64 ",usec=%*u,usec_per_call=%lf", &steps,
                        &microseconds),
            2);
  EXPECT_GE(steps, kNames / 500);
  std::printf("found in %s, evicted in %s, %.1f ms for each of %zu steps\n",
              absl::FormatDuration(found - began).c_str(), absl::FormatDuration(evicted).c_str(),
              microseconds / 1000, static_cast<size_t>(steps));
  EXPECT_THAT(Users(), IsEmpty());
  EXPECT_EQ(Heard().size(), 2 * kNames);
}

}  // namespace
}  // namespace gischat::presence
