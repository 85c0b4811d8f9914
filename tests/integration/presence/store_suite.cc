#include "tests/integration/presence/store_suite.h"

#include <gmock/gmock.h>
#include <prometheus/registry.h>

#include <utility>

#include "services/presence/count_announcer.h"
#include "services/presence/events.h"
#include "services/presence/timers.h"
#include "tests/integration/presence/wait_for.h"
#include "tests/support/loop_thread.h"
#include "tests/support/wait_until.h"

namespace gischat::presence {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kChannel[] = "QGIS";

EventWriter Events() { return EventWriter(base::SystemClock()); }

}  // namespace

void PresenceStoreSuite::Use(absl::Duration time_to_live) {
  ear_.reset();
  world_.reset();
  world_ = GetParam()(time_to_live);
  ear_ = std::make_unique<ChannelEar>(world_->bus(), kChannel);
}

ReportOutcome PresenceStoreSuite::Report(const std::string& lease, uint64_t sequence,
                                         uint64_t connections, bool announce) {
  return WaitFor<ReportOutcome>([&](auto done) {
           store().Report({.channel = kChannel,
                           .lease = lease,
                           .sequence = sequence,
                           .connections = connections,
                           .announce = announce},
                          std::move(done));
         })
      .value();
}

Count PresenceStoreSuite::Counted() {
  return WaitFor<Count>([&](auto done) { store().CountConnections(kChannel, std::move(done)); })
      .value();
}

ClaimOutcome PresenceStoreSuite::Register(const std::string& lease, uint64_t connection,
                                          const std::string& nickname, const std::string& request,
                                          const std::string& previous) {
  return WaitFor<ClaimOutcome>([&](auto done) {
           store().Register({.channel = kChannel,
                             .lease = lease,
                             .connection = connection,
                             .request_id = request,
                             .nickname = nickname,
                             .previous_nickname = previous,
                             .newcomer_event = Events().Newcomer(nickname),
                             .exiter_event = Events().Exiter(previous)},
                            std::move(done));
         })
      .value();
}

bool PresenceStoreSuite::Unregister(const std::string& lease, uint64_t connection,
                                    const std::string& nickname, const std::string& request) {
  return WaitFor<bool>([&](auto done) {
           store().Unregister({.channel = kChannel,
                               .lease = lease,
                               .connection = connection,
                               .nickname = nickname,
                               .request_id = request,
                               .exiter_event = Events().Exiter(nickname)},
                              std::move(done));
         })
      .value();
}

std::vector<std::string> PresenceStoreSuite::Users() {
  return WaitFor<std::vector<std::string>>(
             [&](auto done) { store().ListUsers(kChannel, std::move(done)); })
      .value();
}

Announcement PresenceStoreSuite::Announce(Count count, absl::Duration interval) {
  return WaitFor<Announcement>([&](auto done) {
           store().AnnounceCount({.channel = kChannel,
                                  .count = count,
                                  .event = Events().NbUsers(count),
                                  .interval = interval},
                                 std::move(done));
         })
      .value();
}

std::vector<Holding> PresenceStoreSuite::Expired() {
  return WaitFor<std::vector<Holding>>(
             [&](auto done) { store().FindExpired(kChannel, std::move(done)); })
      .value();
}

Holding PresenceStoreSuite::Held(const std::string& lease) {
  return WaitFor<Holding>([&](auto done) { store().FindHolding(kChannel, lease, std::move(done)); })
      .value();
}

bool PresenceStoreSuite::Evict(const std::string& lease, const std::vector<std::string>& exits,
                               bool only_if_expired) {
  Eviction eviction{
      .channel = kChannel, .lease = lease, .only_if_expired = only_if_expired, .exits = {}};
  for (const std::string& nickname : exits) {
    eviction.exits.push_back({nickname, Events().Exiter(nickname)});
  }
  return WaitFor<bool>([&](auto done) { store().Evict(eviction, std::move(done)); }).value();
}

TEST_P(PresenceStoreSuite, CountsTheConnectionsOfAllLeases) {
  EXPECT_EQ(Report("a", 1, 3, true).count.connections, 3U);
  EXPECT_EQ(Report("b", 1, 4, true).count.connections, 7U);
  EXPECT_EQ(Report("a", 2, 1).count.connections, 5U);
  EXPECT_EQ(Counted().connections, 5U);
  EXPECT_THAT(Heard(), IsEmpty()) << "counts are announced by AnnounceCount only";
}

TEST_P(PresenceStoreSuite, RevisionGrowsWithEveryChangeAndOnlyThen) {
  EXPECT_EQ(Counted().revision, 0U) << "nothing was ever counted";
  const uint64_t first = Report("a", 1, 0, true).count.revision;
  EXPECT_GT(first, 0U);
  const uint64_t second = Report("a", 2, 5).count.revision;
  EXPECT_GT(second, first);
  EXPECT_EQ(Report("a", 3, 5).count.revision, second);
  EXPECT_GT(Report("a", 4, 4).count.revision, second);
}

TEST_P(PresenceStoreSuite, OlderOrRepeatedReportRenewsButCountsNot) {
  Report("a", 10, 3, true);
  EXPECT_EQ(Report("a", 10, 8).count.connections, 3U);
  EXPECT_TRUE(Report("a", 9, 8).known);
  EXPECT_EQ(Counted().connections, 3U);
  EXPECT_EQ(Report("a", 11, 8).count.connections, 8U);
}

TEST_P(PresenceStoreSuite, SequencesAreComparedExactlyWhateverTheirSize) {
  const uint64_t huge = 9'007'199'254'740'993;  // 2^53 + 1: not a double
  Report("a", huge, 1, true);
  EXPECT_EQ(Report("a", huge - 1, 2).count.connections, 1U);
  EXPECT_EQ(Report("a", huge + 1, 3).count.connections, 3U);
  EXPECT_EQ(Report("a", 18'446'744'073'709'551'615U, 4).count.connections, 4U);
}

TEST_P(PresenceStoreSuite, LeaseThatWasNotAnnouncedIsUnknownAndChangesNothing) {
  Report("a", 1, 3, true);
  const ReportOutcome outcome = Report("b", 1, 4);
  EXPECT_FALSE(outcome.known);
  EXPECT_EQ(outcome.count.connections, 3U);
  EXPECT_EQ(Counted().connections, 3U);
}

TEST_P(PresenceStoreSuite, AnnouncedLeaseStaysKnownWithNoConnections) {
  EXPECT_TRUE(Report("a", 1, 0, true).known);
  EXPECT_TRUE(Report("a", 2, 0).known);
}

TEST_P(PresenceStoreSuite, ChannelsDoNotTouchEachOther) {
  Report("a", 1, 5, true);
  Register("a", 1, "ada", "r1");
  const auto count =
      WaitFor<Count>([&](auto done) { store().CountConnections("Geotribu", std::move(done)); });
  EXPECT_EQ(count.value().connections, 0U);
  const auto users = WaitFor<std::vector<std::string>>(
      [&](auto done) { store().ListUsers("Geotribu", std::move(done)); });
  EXPECT_THAT(users.value(), IsEmpty());
}

TEST_P(PresenceStoreSuite, LeaseThatIsNotRenewedRunsOut) {
  Use(absl::Milliseconds(200));
  Report("a", 1, 5, true);
  Register("a", 2, "grace", "r1");
  Register("a", 1, "ada", "r2");
  ASSERT_TRUE(tests::WaitUntil([&] {
    Report("b", 1, 2, true);
    return !Expired().empty();
  }));
  const std::vector<Holding> expired = Expired();
  ASSERT_EQ(expired.size(), 1U);
  EXPECT_EQ(expired[0].lease, "a");
  EXPECT_THAT(expired[0].nicknames, ElementsAre("grace", "ada"));
  EXPECT_EQ(Counted().connections, 7U) << "it counts until it is evicted";

  const uint64_t revision = Counted().revision;
  EXPECT_TRUE(Evict("a", expired[0].nicknames, true));
  EXPECT_EQ(Counted().connections, 2U);
  EXPECT_GT(Counted().revision, revision);
  EXPECT_THAT(Users(), IsEmpty());
  EXPECT_FALSE(Report("a", 2, 5).known);
  EXPECT_FALSE(Evict("a", {}, true)) << "it is not there any more";
  EXPECT_THAT(Heard(), ElementsAre("newcomer grace", "newcomer ada", "exiter grace", "exiter ada"));
}

TEST_P(PresenceStoreSuite, LeaseRenewedInTheLastMomentIsNotEvicted) {
  Use(absl::Milliseconds(500));
  Report("a", 1, 5, true);
  Register("a", 1, "ada", "r1");
  ASSERT_TRUE(tests::WaitUntil([&] { return !Expired().empty(); }));
  EXPECT_TRUE(Report("a", 2, 5).known);
  EXPECT_THAT(Expired(), IsEmpty());
  EXPECT_FALSE(Evict("a", {"ada"}, true));
  EXPECT_THAT(Users(), ElementsAre("ada"));
  EXPECT_THAT(Heard(), ElementsAre("newcomer ada"));
}

TEST_P(PresenceStoreSuite, LivingLeaseCanBeEnded) {
  Report("a", 1, 5, true);
  Report("b", 1, 1, true);
  Register("a", 1, "ada", "r1");
  Register("b", 1, "grace", "r1");
  EXPECT_THAT(Held("a").nicknames, ElementsAre("ada"));
  EXPECT_TRUE(Evict("a", {"ada", "grace", "nobody"}, false));
  EXPECT_EQ(Counted().connections, 1U);
  EXPECT_THAT(Users(), ElementsAre("grace"));
  EXPECT_THAT(Held("a").nicknames, IsEmpty());
  EXPECT_EQ(Register("b", 2, "ada", "r2"), ClaimOutcome::kRegistered);
  EXPECT_THAT(Heard(), ElementsAre("newcomer ada", "newcomer grace", "exiter ada", "newcomer ada"));
}

TEST_P(PresenceStoreSuite, NamesThatAnEvictionWasNotToldAreFoundAfterIt) {
  Report("a", 1, 5, true);
  Register("a", 1, "ada", "r1");
  Register("a", 2, "grace", "r2");
  EXPECT_TRUE(Evict("a", {"ada"}, false));
  EXPECT_EQ(Counted().connections, 0U);
  EXPECT_FALSE(Report("a", 2, 5).known);
  EXPECT_EQ(Register("a", 3, "alan", "r3"), ClaimOutcome::kLeaseUnknown);
  // Another lease begins meanwhile; nothing of it is touched.
  Report("b", 1, 2, true);
  Register("b", 1, "alan", "r4");

  const std::vector<Holding> left = Expired();
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].lease, "a");
  EXPECT_THAT(left[0].nicknames, ElementsAre("grace"));
  EXPECT_FALSE(Evict("a", left[0].nicknames, true)) << "it was ended before";
  EXPECT_THAT(Expired(), IsEmpty());
  EXPECT_THAT(Users(), ElementsAre("alan"));
  EXPECT_EQ(Counted().connections, 2U);
  EXPECT_THAT(Heard(), ElementsAre("newcomer ada", "newcomer grace", "exiter ada", "newcomer alan",
                                   "exiter grace"));
}

TEST_P(PresenceStoreSuite, NameOfALeaseThatWasEndedCanBeClaimed) {
  Report("a", 1, 5, true);
  Report("b", 1, 1, true);
  Register("a", 1, "ada", "r1");
  EXPECT_TRUE(Evict("a", {}, false));
  EXPECT_EQ(Register("b", 1, "ada", "r2"), ClaimOutcome::kRegistered);
  EXPECT_FALSE(Evict("a", {"ada"}, false));
  EXPECT_THAT(Users(), ElementsAre("ada"));
  EXPECT_THAT(Expired(), IsEmpty());
}

TEST_P(PresenceStoreSuite, CountIsAnnouncedAtMostOncePerInterval) {
  const absl::Duration interval = absl::Minutes(1);
  const Count first = Report("a", 1, 5, true).count;
  const Announcement said = Announce(first, interval);
  EXPECT_TRUE(said.published);
  EXPECT_EQ(said.retry_in, absl::ZeroDuration());
  EXPECT_FALSE(Announce(first, interval).published) << "it was said already";
  EXPECT_EQ(Announce(first, interval).retry_in, absl::ZeroDuration());

  const Count second = Report("a", 2, 6).count;
  const Announcement waits = Announce(second, interval);
  EXPECT_FALSE(waits.published);
  EXPECT_GT(waits.retry_in, absl::Seconds(50));
  EXPECT_LE(waits.retry_in, interval);
  EXPECT_TRUE(Announce(second, absl::ZeroDuration()).published) << "the interval is over";
  EXPECT_THAT(Heard(), ElementsAre("nb_users 5", "nb_users 6"));
}

// Whoever was told six on its own, when it joined, has to hear of five.
TEST_P(PresenceStoreSuite, SameNumberIsAnnouncedAgainAfterAnotherInBetween) {
  Announce(Report("a", 1, 5, true).count, absl::ZeroDuration());
  Report("a", 2, 6);
  const Announcement again = Announce(Report("a", 3, 5).count, absl::ZeroDuration());
  EXPECT_TRUE(again.published);
  EXPECT_EQ(again.retry_in, absl::ZeroDuration());
  EXPECT_THAT(Heard(), ElementsAre("nb_users 5", "nb_users 5"));
}

TEST_P(PresenceStoreSuite, NobodyInAFreshChannelIsNoNews) {
  const Announcement nothing = Announce(Report("a", 1, 0, true).count, absl::ZeroDuration());
  EXPECT_FALSE(nothing.published);
  EXPECT_EQ(nothing.retry_in, absl::ZeroDuration());
  EXPECT_THAT(Heard(), IsEmpty());
}

TEST_P(PresenceStoreSuite, OlderCountIsNotAnnouncedAfterANewerOne) {
  const Count older = Report("a", 1, 5, true).count;
  const Count newer = Report("a", 2, 6).count;
  EXPECT_TRUE(Announce(newer, absl::ZeroDuration()).published);
  const Announcement late = Announce(older, absl::ZeroDuration());
  EXPECT_FALSE(late.published);
  EXPECT_EQ(late.retry_in, absl::ZeroDuration());
  EXPECT_THAT(Heard(), ElementsAre("nb_users 6"));
}

TEST_P(PresenceStoreSuite, OutdatedCountIsAnnouncedWithAWordToComeBack) {
  const Count older = Report("a", 1, 5, true).count;
  Report("a", 2, 6);
  const Announcement said = Announce(older, absl::Minutes(1));
  EXPECT_TRUE(said.published);
  EXPECT_GT(said.retry_in, absl::Seconds(50));
}

// How late the last one may be is a matter of CountAnnouncerTest, whose clock no busy machine
// moves.
TEST_P(PresenceStoreSuite, HundredJoinsAreToldInAtMostTwoAnnouncements) {
  tests::LoopThread loop;
  prometheus::Registry registry;
  auto timers = std::make_shared<LoopTimers>(loop.loop());
  const absl::Duration interval = absl::Milliseconds(300);
  auto announcer = std::make_shared<CountAnnouncer>(store(), Events(), timers, interval, registry);
  const absl::Time began = absl::Now();
  for (uint64_t i = 1; i <= 100; ++i) announcer->Notice(kChannel, Report("a", i, i, true).count);
  const absl::Duration joining = absl::Now() - began;
  ASSERT_TRUE(tests::WaitUntil([&] {
    const std::vector<std::string> heard = Heard();
    return !heard.empty() && heard.back() == "nb_users 100";
  }));
  announcer->Stop();
  loop.Stop();
  const std::vector<std::string> heard = Heard();
  EXPECT_EQ(heard.front(), "nb_users 1") << "the first change at once";
  EXPECT_LE(static_cast<double>(heard.size()), 2 + joining / interval);
}

}  // namespace gischat::presence
