#include "edge/clients/lease.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/clients/leasing.h"

namespace gischat::edge::clients {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class LeaseTest : public LeaseFixture {
 protected:
  void Connect(const std::string& who, const std::string& channel = "QGIS") {
    lease_.Connect(channel, [this, who](hub::Count count) {
      told_.push_back(who + "=" + std::to_string(count.connections));
    });
    Settle();
  }
  void Disconnect(const std::string& channel = "QGIS") {
    lease_.Disconnect(channel);
    Settle();
  }

  std::vector<std::string> told_;  // "who=count"
};

TEST_F(LeaseTest, AttachesAndAnnouncesEveryChannel) {
  lease_.Start();
  Settle();
  ASSERT_EQ(presence_.attaches.size(), 1u);
  EXPECT_EQ(presence_.attaches.last().edge(), "edge-1");
  EXPECT_EQ(presence_.reports.size(), 0u);
  presence_.attaches.AnswerLast(FakePresence::Attached("L1"));
  Settle();
  ASSERT_EQ(presence_.reports.size(), 1u);
  const presence::v1::ReportRequest report = presence_.reports.last();
  EXPECT_EQ(report.lease(), "L1");
  EXPECT_EQ(report.sequence(), 1u);
  EXPECT_TRUE(report.announce());
  EXPECT_THAT(Reported(), ElementsAre("Geotribu=0", "QGIS=0"));
}

TEST_F(LeaseTest, ReportsAChangeAtOnceAndAlone) {
  Begin();
  Connect("ada");
  ASSERT_EQ(presence_.reports.size(), 2u);
  EXPECT_THAT(Reported(), ElementsAre("QGIS=1"));
  EXPECT_EQ(presence_.reports.last().sequence(), 2u);
  EXPECT_FALSE(presence_.reports.last().announce());
  EXPECT_THAT(told_, IsEmpty());
  AnswerReport();
  EXPECT_THAT(told_, ElementsAre("ada=1"));
  Disconnect();
  EXPECT_THAT(Reported(), ElementsAre("QGIS=0"));
}

TEST_F(LeaseTest, ChangesThatComeTogetherShareAReport) {
  Begin();
  Connect("ada");
  for (int i = 0; i < 9; ++i) Connect("crowd");
  Connect("bob", "Geotribu");
  Disconnect();
  ASSERT_EQ(presence_.reports.size(), 2u);
  AnswerReport();
  ASSERT_EQ(presence_.reports.size(), 3u);
  EXPECT_THAT(Reported(), ElementsAre("Geotribu=1", "QGIS=9"));
  AnswerReport();
  EXPECT_EQ(presence_.reports.size(), 3u);
}

TEST_F(LeaseTest, WhoConnectsIsToldACountThatIncludesIt) {
  Begin();
  Connect("ada");
  Connect("bob");
  AnswerReport();
  EXPECT_THAT(told_, ElementsAre("ada=1"));
  AnswerReport();
  EXPECT_THAT(told_, ElementsAre("ada=1", "bob=2"));
}

TEST_F(LeaseTest, WhoConnectsBeforeThereIsALeaseIsToldLater) {
  lease_.Start();
  Connect("ada");
  Connect("bob");
  GrantLease("L1");
  EXPECT_THAT(told_, ElementsAre("ada=2", "bob=2"));
  EXPECT_EQ(presence_.reports.size(), 1u);
}

TEST_F(LeaseTest, RenewsEveryChannelRegularly) {
  Begin("L1", /*renew_every_ms=*/20);
  for (uint64_t renewal = 2; renewal <= 4; ++renewal) {
    ASSERT_TRUE(RunUntil([&] { return presence_.reports.size() == renewal; }));
    EXPECT_THAT(Reported(), ElementsAre("Geotribu=0", "QGIS=0"));
    EXPECT_EQ(presence_.reports.last().sequence(), renewal);
    presence_.reports.AnswerLast(FakePresence::Counted(presence_.reports.last()));
  }
}

TEST_F(LeaseTest, SaysWhichCountsHaveSettled) {
  std::vector<std::string> settled;
  lease_.OnSettledCount([&](const std::string& channel, hub::Count count) {
    settled.push_back(channel + "=" + std::to_string(count.connections));
  });
  Begin("L1", /*renew_every_ms=*/20);
  const auto answer_renewal = [&](size_t number, uint64_t revision) {
    ASSERT_TRUE(RunUntil([&] { return presence_.reports.size() == number; }));
    auto answer = FakePresence::Counted(presence_.reports.last());
    answer.mutable_counts(0)->set_revision(revision);
    answer.mutable_counts(0)->set_connections(revision * 2);
    presence_.reports.AnswerLast(std::move(answer));
    Settle();
  };
  answer_renewal(2, 7);
  answer_renewal(3, 8);
  EXPECT_THAT(settled, IsEmpty());
  answer_renewal(4, 8);
  answer_renewal(5, 9);
  EXPECT_THAT(settled, ElementsAre("Geotribu=16"));
}

TEST_F(LeaseTest, RenewsAfterAReportThatTookLongerThanARenewal) {
  Begin("L1", /*renew_every_ms=*/20);
  Connect("ada");
  const size_t under_way = presence_.reports.size() - 1;
  tests::RunFor(loop_, std::chrono::milliseconds(60));
  EXPECT_EQ(presence_.reports.size(), under_way + 1) << "two reports at once";
  presence_.reports.Answer(under_way, FakePresence::Counted(presence_.reports.last()));
  Settle();
  EXPECT_THAT(Reported(), ElementsAre("Geotribu=0", "QGIS=1"));
}

TEST_F(LeaseTest, TriesToAttachUntilPresenceAnswers) {
  lease_.Start();
  Connect("ada");
  for (size_t attempt = 1; attempt <= 3; ++attempt) {
    ASSERT_TRUE(RunUntil([&] { return presence_.attaches.size() == attempt; }));
    presence_.attaches.AnswerLast(absl::UnavailableError("away"));
  }
  ASSERT_TRUE(RunUntil([&] { return presence_.attaches.size() == 4; }));
  GrantLease("L1");
  EXPECT_THAT(told_, ElementsAre("ada=1"));
}

TEST_F(LeaseTest, RepeatsAReportAsAWholeAndForgetsNobody) {
  Begin();
  Connect("ada");
  presence_.reports.AnswerLast(absl::UnavailableError("away"));
  ASSERT_TRUE(RunUntil([&] { return presence_.reports.size() == 3; }));
  EXPECT_THAT(Reported(), ElementsAre("Geotribu=0", "QGIS=1"));
  EXPECT_EQ(presence_.reports.last().sequence(), 3u);
  EXPECT_THAT(told_, IsEmpty());
  AnswerReport();
  EXPECT_THAT(told_, ElementsAre("ada=1"));
}

TEST_F(LeaseTest, AnnouncesEverythingAgainWhenPresenceDoesNotKnowIt) {
  Begin();
  Connect("ada");
  AnswerReport();
  Connect("bob");
  AnswerReport(/*known=*/false);
  ASSERT_EQ(presence_.attaches.size(), 2u);
  EXPECT_THAT(told_, ElementsAre("ada=1"));
  Connect("cleo");
  EXPECT_EQ(presence_.reports.size(), 3u) << "reported without a lease";
  presence_.attaches.AnswerLast(FakePresence::Attached("L2"));
  Settle();
  const presence::v1::ReportRequest report = presence_.reports.last();
  EXPECT_EQ(report.lease(), "L2");
  EXPECT_TRUE(report.announce());
  EXPECT_EQ(report.sequence(), 1u);
  EXPECT_THAT(Reported(), ElementsAre("Geotribu=0", "QGIS=3"));
  AnswerReport();
  EXPECT_THAT(told_, ElementsAre("ada=1", "bob=3", "cleo=3"));
}

TEST_F(LeaseTest, IsHealthyWhilePresenceAnswers) {
  EXPECT_FALSE(lease_.Health().ok());
  lease_.Start();
  Settle();
  EXPECT_FALSE(lease_.Health().ok());
  GrantLease("L1");
  EXPECT_TRUE(lease_.Health().ok());
}

TEST_F(LeaseTest, GivesEverythingBackWhenItStops) {
  Begin();
  Connect("ada");
  AnswerReport();
  bool stopped = false;
  lease_.Stop(absl::Seconds(60), [&] { stopped = true; });
  Settle();
  ASSERT_EQ(presence_.detaches.size(), 1u);
  const presence::v1::DetachRequest detach = presence_.detaches.last();
  EXPECT_EQ(detach.lease(), "L1");
  EXPECT_THAT(detach.channels(), ElementsAre("Geotribu", "QGIS"));
  EXPECT_FALSE(stopped);
  presence_.detaches.AnswerLast(presence::v1::DetachResponse());
  Settle();
  EXPECT_TRUE(stopped);
}

TEST_F(LeaseTest, ReportsNothingOnceItStops) {
  Begin();
  Connect("ada");
  AnswerReport();
  lease_.Stop(absl::Seconds(60), [] {});
  Disconnect();
  Connect("late");
  EXPECT_EQ(presence_.reports.size(), 2u);
  presence_.detaches.AnswerLast(presence::v1::DetachResponse());
  Disconnect();
  EXPECT_EQ(presence_.reports.size(), 2u);
  loop_.restart();
  loop_.run();  // no timer is left
}

TEST_F(LeaseTest, StopsWithoutPresence) {
  Begin();
  bool stopped = false;
  lease_.Stop(absl::Milliseconds(20), [&] { stopped = true; });
  Settle();
  EXPECT_FALSE(stopped);
  EXPECT_TRUE(RunUntil([&] { return stopped; }));
}

TEST_F(LeaseTest, StopsBeforeItHasALease) {
  lease_.Start();
  Settle();
  bool stopped = false;
  lease_.Stop(absl::Seconds(60), [&] { stopped = true; });
  Settle();
  EXPECT_TRUE(stopped);
  EXPECT_EQ(presence_.detaches.size(), 0u);
  presence_.attaches.AnswerLast(FakePresence::Attached("L1"));
  Settle();
  EXPECT_EQ(presence_.reports.size(), 0u);
}

TEST_F(LeaseTest, CountsConnectionsOfManyThreads) {
  constexpr int kThreads = 3;
  constexpr int kEach = 200;
  presence_.AnswerLease();
  lease_.Start();
  std::atomic<int> told = 0;
  std::vector<std::thread> workers;
  for (int i = 0; i < kThreads; ++i) {
    workers.emplace_back([&] {
      for (int j = 0; j < kEach; ++j) {
        lease_.Connect("QGIS", [&](hub::Count) { ++told; });
        lease_.Disconnect("QGIS");
        lease_.Connect("QGIS", [&](hub::Count) { ++told; });
      }
    });
  }
  EXPECT_TRUE(RunUntil([&] { return told == 2 * kThreads * kEach; }));
  for (std::thread& worker : workers) worker.join();
  Settle();
  EXPECT_THAT(Reported(), testing::Contains("QGIS=" + std::to_string(kThreads * kEach)));
}

// A channel that still knows it would count it a second time, and keep its nicknames.
TEST_F(LeaseTest, GivesALostLeaseUpEverywhereBeforeItTakesAnother) {
  Begin("L1");
  lease_.Connect("QGIS", [](hub::Count) {});
  Settle();
  presence_.reports.AnswerLast(FakePresence::Counted(presence_.reports.last(), /*known=*/false));
  Settle();
  ASSERT_EQ(presence_.detaches.size(), 1u);
  EXPECT_EQ(presence_.detaches.last().lease(), "L1");
  EXPECT_THAT(presence_.detaches.last().channels(), ElementsAre("Geotribu", "QGIS"));
  presence_.detaches.AnswerLast(absl::UnavailableError("away"));
  ASSERT_TRUE(RunUntil([&] { return presence_.detaches.size() == 2; }));
  EXPECT_EQ(presence_.detaches.last().lease(), "L1");
  EXPECT_EQ(presence_.attaches.size(), 1u);
  presence_.detaches.AnswerLast(presence::v1::DetachResponse());
  Settle();
  EXPECT_EQ(presence_.attaches.size(), 2u);
  GrantLease("L2");
  EXPECT_THAT(Reported(), ElementsAre("Geotribu=0", "QGIS=1"));
}

TEST_F(LeaseTest, AnnouncesAChannelThatComesLaterAlone) {
  Begin();
  lease_.Add("New");
  Settle();
  ASSERT_EQ(presence_.reports.size(), 2u);
  EXPECT_TRUE(presence_.reports.last().announce());
  EXPECT_EQ(presence_.reports.last().lease(), "L1");
  EXPECT_EQ(presence_.reports.last().sequence(), 2u);
  EXPECT_THAT(Reported(), ElementsAre("New=0"));
  AnswerReport();
  Connect("ada", "New");
  EXPECT_FALSE(presence_.reports.last().announce());
  EXPECT_THAT(Reported(), ElementsAre("New=1"));
  AnswerReport();
  EXPECT_THAT(told_, ElementsAre("ada=1"));
}

TEST_F(LeaseTest, WhatChangesElsewhereIsReportedAfterTheNewChannel) {
  Begin();
  Connect("ada");
  lease_.Add("New");  // while a report is under way
  Connect("bob");
  AnswerReport();
  ASSERT_EQ(presence_.reports.size(), 3u);
  EXPECT_TRUE(presence_.reports.last().announce());
  EXPECT_THAT(Reported(), ElementsAre("New=0"));
  presence_.reports.AnswerLast(absl::UnavailableError("away"));
  ASSERT_TRUE(RunUntil([&] { return presence_.reports.size() == 4; }));
  EXPECT_TRUE(presence_.reports.last().announce());
  EXPECT_THAT(Reported(), ElementsAre("New=0"));
  AnswerReport();
  ASSERT_EQ(presence_.reports.size(), 5u);
  EXPECT_FALSE(presence_.reports.last().announce()) << "a lease that was lost would not be noticed";
  EXPECT_THAT(Reported(), ElementsAre("Geotribu=0", "New=0", "QGIS=2"));
  AnswerReport();
  EXPECT_THAT(told_, ElementsAre("ada=1", "bob=2"));
}

TEST_F(LeaseTest, EndsInAChannelThatIsRemoved) {
  Begin();
  lease_.Remove("Geotribu");
  Settle();
  ASSERT_EQ(presence_.detaches.size(), 1u);
  EXPECT_EQ(presence_.detaches.last().lease(), "L1");
  EXPECT_THAT(presence_.detaches.last().channels(), ElementsAre("Geotribu"));
  presence_.detaches.AnswerLast(absl::UnavailableError("away"));
  ASSERT_TRUE(RunUntil([&] { return presence_.detaches.size() == 2; }));
  presence_.detaches.AnswerLast(presence::v1::DetachResponse());
  LoseLease("L2");
  EXPECT_THAT(Reported(), ElementsAre("QGIS=1"));
}

TEST_F(LeaseTest, AnnouncesAChannelThatIsBackOnlyWhenItHasEndedThere) {
  Begin();
  lease_.Remove("Geotribu");
  Settle();
  lease_.Add("Geotribu");
  Connect("ada", "Geotribu");
  EXPECT_EQ(presence_.reports.size(), 1u) << "an end that comes late would undo it";
  presence_.detaches.AnswerLast(absl::UnavailableError("away"));
  ASSERT_TRUE(RunUntil([&] { return presence_.detaches.size() == 2; }));
  EXPECT_EQ(presence_.reports.size(), 1u);
  Connect("bob");
  EXPECT_THAT(Reported(), ElementsAre("QGIS=1"));
  presence_.detaches.AnswerLast(presence::v1::DetachResponse());
  AnswerReport();
  ASSERT_EQ(presence_.reports.size(), 3u);
  EXPECT_TRUE(presence_.reports.last().announce());
  EXPECT_THAT(Reported(), ElementsAre("Geotribu=1"));
  AnswerReport();
  EXPECT_THAT(told_, ElementsAre("bob=1", "ada=1"));
  EXPECT_EQ(presence_.reports.size(), 3u);
}

TEST_F(LeaseTest, DoesNotTakeARemovedChannelForALostLease) {
  Begin();
  Connect("ada", "Geotribu");
  Disconnect("Geotribu");
  lease_.Remove("Geotribu");
  Settle();
  EXPECT_EQ(presence_.detaches.size(), 0u) << "a report about it is under way";
  const size_t attaches = presence_.attaches.size();
  presence_.reports.AnswerLast(FakePresence::Counted(presence_.reports.last(), /*known=*/false));
  ASSERT_TRUE(RunUntil([&] { return presence_.detaches.size() == 1; }));
  EXPECT_THAT(presence_.detaches.last().channels(), ElementsAre("Geotribu"));
  EXPECT_EQ(presence_.attaches.size(), attaches);
  presence_.detaches.AnswerLast(presence::v1::DetachResponse());
  lease_.Add("Geotribu");
  Settle();
  EXPECT_TRUE(presence_.reports.last().announce());
  EXPECT_THAT(Reported(), ElementsAre("Geotribu=0"));
}

}  // namespace
}  // namespace gischat::edge::clients
