#include "services/presence/sweeper.h"

#include <gmock/gmock.h>

#include "tests/support/metric_value.h"
#include "tests/unit/presence/world.h"

namespace gischat::presence {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SweeperTest : public testing::Test {
 protected:
  void SetUp() override {
    world_.sweeper->Hear("QGIS");
    world_.sweeper->Start();
  }
  // Lets time pass while a lease is renewed every second.
  void PassRenewing(const std::string& lease, uint64_t connections, int seconds) {
    for (int i = 0; i < seconds; ++i) {
      world_.Report(lease, connections);
      world_.timers->Pass(absl::Seconds(1));
    }
  }
  uint64_t Connections() {
    return WaitFor<Count>(
               [&](auto done) { world_.memory.CountConnections("QGIS", std::move(done)); })
        .value()
        .connections;
  }
  World world_;
};

TEST_F(SweeperTest, DeadLeaseIsOutWithinTenSecondsAndTheChannelIsTold) {
  PassRenewing("b", 1, 5);
  world_.Report("a", 3);
  world_.Register("a", 1, "grace");
  world_.Register("a", 2, "ada");
  PassRenewing("b", 1, 8);
  EXPECT_EQ(Connections(), 4U);
  PassRenewing("b", 1, 2);
  EXPECT_EQ(Connections(), 1U);
  EXPECT_THAT(world_.Said(), ElementsAre("nb_users 1", "newcomer grace", "newcomer ada",
                                         "nb_users 4", "exiter grace", "exiter ada", "nb_users 1"));
}

TEST_F(SweeperTest, TheCensusKnowsWhenNobodyIsLeftToReport) {
  world_.Report("a", 3);
  world_.census->SawReport("a");
  world_.census->SawConnections("QGIS", 3);
  const auto leases = [&] {
    return tests::MetricValue(world_.registry, "gischat_presence_leases");
  };
  const auto connections = [&] {
    return tests::MetricValue(world_.registry, "gischat_presence_connections", "QGIS");
  };
  world_.timers->Pass(absl::Seconds(8));
  EXPECT_EQ(leases(), 1);
  EXPECT_EQ(connections(), 3);
  world_.timers->Pass(absl::Seconds(2));
  EXPECT_EQ(leases(), 0);
  EXPECT_EQ(connections(), 0);
}

TEST_F(SweeperTest, RenewedLeaseStays) {
  PassRenewing("a", 3, 60);
  EXPECT_EQ(Connections(), 3U);
  EXPECT_THAT(world_.Said(), ElementsAre("nb_users 3"));
}

TEST_F(SweeperTest, NobodyIsEvictedRightAfterStart) {
  World late;
  late.Report("a", 3);
  late.timers->Pass(absl::Seconds(60));
  late.sweeper->Hear("QGIS");
  late.sweeper->Start();
  late.timers->Pass(absl::Seconds(3));
  EXPECT_EQ(late.Said().back(), "nb_users 3");
  late.Report("a", 3);
  late.timers->Pass(absl::Seconds(5));
  EXPECT_EQ(late.Said().back(), "nb_users 3");
  late.timers->Pass(absl::Seconds(5));
  EXPECT_EQ(late.Said().back(), "nb_users 0");
}

TEST_F(SweeperTest, NobodyIsEvictedRightAfterTheStoreWasAway) {
  PassRenewing("a", 3, 5);
  world_.store.away = true;
  world_.timers->Pass(absl::Seconds(30));
  world_.store.away = false;
  world_.timers->Pass(absl::Seconds(3));
  EXPECT_EQ(Connections(), 3U);
  world_.Report("a", 3);
  world_.timers->Pass(absl::Seconds(8));
  EXPECT_THAT(world_.Said(), ElementsAre("nb_users 3"));
}

TEST_F(SweeperTest, NobodyIsEvictedRightAfterItHung) {
  PassRenewing("a", 3, 5);
  world_.clock.Advance(absl::Seconds(30));  // no timer runs meanwhile
  world_.timers->Pass(absl::Milliseconds(2900));
  EXPECT_EQ(Connections(), 3U);
  world_.timers->Pass(absl::Seconds(1));
  EXPECT_EQ(Connections(), 0U);
}

TEST_F(SweeperTest, PostponedSweeperEvictsLater) {
  PassRenewing("a", 3, 5);
  world_.timers->Pass(absl::Milliseconds(7900));
  world_.sweeper->Postpone();
  world_.timers->Pass(absl::Seconds(3));
  EXPECT_EQ(Connections(), 3U);
  world_.timers->Pass(absl::Seconds(1));
  EXPECT_EQ(Connections(), 0U);
}

TEST_F(SweeperTest, ChannelThatItNeverHeardOfIsLeftAlone) {
  world_.Report("a", 3, "Geotribu");
  world_.timers->Pass(absl::Seconds(30));
  EXPECT_THAT(world_.Said("Geotribu"), IsEmpty());
  world_.sweeper->Hear("Geotribu");
  world_.timers->Pass(absl::Seconds(1));
  EXPECT_EQ(world_.Said("Geotribu").size(), 0U) << "from nobody told to nobody left";
}

TEST_F(SweeperTest, CountThatAnotherReplicaLeftUnsaidIsSaid) {
  PassRenewing("a", 3, 5);
  world_.Report("a", 8);  // nobody notices: the replica that took this report died
  world_.timers->Pass(absl::Milliseconds(600));
  EXPECT_EQ(world_.Said().back(), "nb_users 8");
}

TEST_F(SweeperTest, EndsALivingLeaseOnDemand) {
  world_.Report("a", 3);
  world_.Register("a", 1, "ada");
  const auto ended = WaitFor<bool>([&](auto done) {
    world_.sweeper->Evict("QGIS", {{.lease = "a", .nicknames = {"ada"}}}, false,
                          [done = std::move(done)](const absl::Status& status) mutable {
                            std::move(done)(status.ok());
                          });
  });
  EXPECT_TRUE(ended.value());
  EXPECT_EQ(Connections(), 0U);
  EXPECT_THAT(world_.Said(), ElementsAre("newcomer ada", "exiter ada"));
}

TEST_F(SweeperTest, StoppedSweeperEvictsNobody) {
  PassRenewing("a", 3, 5);
  world_.sweeper->Stop();
  world_.timers->Pass(absl::Seconds(60));
  EXPECT_EQ(Connections(), 3U);
}

}  // namespace
}  // namespace gischat::presence
