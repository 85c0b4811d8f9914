#include "services/presence/count_announcer.h"

#include <gmock/gmock.h>

#include "tests/unit/presence/world.h"

namespace gischat::presence {
namespace {

using ::testing::ElementsAre;

class CountAnnouncerTest : public testing::Test {
 protected:
  void Change(uint64_t connections) {
    world_.announcer->Notice("QGIS", world_.Report("a", connections));
  }

  // With so many connections, and after a quiet time, a change is told at once and the next one
  // after `interval`.
  void Crowd(uint64_t connections, absl::Duration interval) {
    world_.timers->Pass(absl::Seconds(3));
    const size_t before = world_.Said().size();
    Change(connections - 1);
    EXPECT_EQ(world_.Said().size(), before + 1) << connections;
    world_.timers->Pass(absl::Milliseconds(1));
    Change(connections);
    world_.timers->Pass(interval - absl::Milliseconds(2));
    EXPECT_EQ(world_.Said().size(), before + 1) << connections << ": too early";
    world_.timers->Pass(absl::Milliseconds(1));
    EXPECT_EQ(world_.Said().size(), before + 2) << connections << ": too late";
  }

  World world_;
};

TEST_F(CountAnnouncerTest, FirstChangeIsToldAtOnce) {
  Change(5);
  EXPECT_THAT(world_.Said(), ElementsAre("nb_users 5"));
}

TEST_F(CountAnnouncerTest, ChangesWithinAnIntervalAreToldOnceAtItsEnd) {
  Change(1);
  for (uint64_t i = 2; i <= 50; ++i) {
    Change(i);
    world_.timers->Pass(absl::Milliseconds(1));
  }
  EXPECT_THAT(world_.Said(), ElementsAre("nb_users 1"));
  world_.timers->Pass(absl::Milliseconds(51));
  EXPECT_THAT(world_.Said(), ElementsAre("nb_users 1", "nb_users 50"));
  world_.timers->Pass(absl::Seconds(10));
  EXPECT_THAT(world_.Said(), ElementsAre("nb_users 1", "nb_users 50"));
}

TEST_F(CountAnnouncerTest, SteadyChangesAreToldOncePerInterval) {
  for (uint64_t i = 1; i <= 100; ++i) {
    Change(i);
    world_.timers->Pass(absl::Milliseconds(10));
  }
  EXPECT_EQ(world_.Said().size(), 11U) << "at 0 ms, 100 ms, ..., 1000 ms";
  world_.timers->Pass(absl::Milliseconds(100));
  EXPECT_EQ(world_.Said().back(), "nb_users 100");
}

TEST_F(CountAnnouncerTest, ChangeAfterAQuietIntervalIsToldAtOnce) {
  Change(1);
  world_.timers->Pass(absl::Milliseconds(100));
  Change(2);
  EXPECT_THAT(world_.Said(), ElementsAre("nb_users 1", "nb_users 2"));
}

// In a crowd the interval grows with it.
TEST_F(CountAnnouncerTest, CrowdIsToldLessOften) {
  Crowd(5000, absl::Milliseconds(500));
  Crowd(20'000, absl::Seconds(2));
}

TEST_F(CountAnnouncerTest, LargestCrowdDoesNotWaitLongerThanTwoSeconds) {
  Crowd(100'000, absl::Seconds(2));
  Crowd(10'000'000, absl::Seconds(2));
}

TEST_F(CountAnnouncerTest, AThousandAreStillTheUsualInterval) {
  Crowd(1000, absl::Milliseconds(100));
  Crowd(1010, absl::Milliseconds(101));
}

TEST_F(CountAnnouncerTest, FewWhoAreLeftOfACrowdAreToldAsOftenAsEver) {
  Crowd(100'000, absl::Seconds(2));
  Crowd(5, absl::Milliseconds(100));
}

// Whoever joined in between was told two on its own.
TEST_F(CountAnnouncerTest, NumberThatCameBackWithinAnIntervalIsToldAgain) {
  Change(1);
  Change(2);
  Change(1);
  world_.timers->Pass(absl::Seconds(1));
  EXPECT_THAT(world_.Said(), ElementsAre("nb_users 1", "nb_users 1"));
}

TEST_F(CountAnnouncerTest, ChannelsHaveIntervalsOfTheirOwn) {
  Change(1);
  world_.announcer->Notice("Geotribu", world_.Report("a", 7, "Geotribu"));
  EXPECT_THAT(world_.Said("Geotribu"), ElementsAre("nb_users 7"));
}

TEST_F(CountAnnouncerTest, ReplicasTogetherKeepTheInterval) {
  auto other = world_.MakeAnnouncer();
  Change(1);
  const Count count = world_.Report("a", 2);
  world_.announcer->Notice("QGIS", count);
  other->Notice("QGIS", count);
  other->Notice("QGIS", world_.Report("a", 3));
  EXPECT_THAT(world_.Said(), ElementsAre("nb_users 1"));
  world_.timers->Pass(absl::Milliseconds(100));
  EXPECT_THAT(world_.Said(), ElementsAre("nb_users 1", "nb_users 3"));
}

TEST_F(CountAnnouncerTest, FailedAnnouncementIsMadeUpForAtTheNextNotice) {
  const Count count = world_.Report("a", 5);
  world_.store.away = true;
  world_.announcer->Notice("QGIS", count);
  EXPECT_TRUE(world_.Said().empty());
  world_.store.away = false;
  world_.announcer->Notice("QGIS", count);
  EXPECT_THAT(world_.Said(), ElementsAre("nb_users 5"));
}

TEST_F(CountAnnouncerTest, FailureAtTheEndOfAnIntervalIsMadeUpForToo) {
  Change(1);
  Change(2);
  world_.store.away = true;
  world_.timers->Pass(absl::Milliseconds(100));
  world_.store.away = false;
  world_.announcer->Notice("QGIS", world_.Report("a", 2));
  EXPECT_THAT(world_.Said(), ElementsAre("nb_users 1", "nb_users 2"));
}

TEST_F(CountAnnouncerTest, StoppedAnnouncerSaysNothing) {
  Change(1);
  Change(2);
  world_.announcer->Stop();
  world_.timers->Pass(absl::Seconds(1));
  Change(3);
  EXPECT_THAT(world_.Said(), ElementsAre("nb_users 1"));
}

}  // namespace
}  // namespace gischat::presence
