// What the suite asks of nicknames.

#include <gmock/gmock.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "services/presence/events.h"
#include "tests/integration/presence/store_suite.h"
#include "tests/integration/presence/wait_for.h"

namespace gischat::presence {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

EventWriter Events() { return EventWriter(base::SystemClock()); }

}  // namespace

TEST_P(PresenceStoreSuite, RegistrationTellsTheChannelOnce) {
  Report("a", 1, 1, true);
  EXPECT_EQ(Register("a", 1, "ada", "r1"), ClaimOutcome::kRegistered);
  EXPECT_EQ(Register("a", 1, "ada", "r1"), ClaimOutcome::kRegistered) << "a retry";
  EXPECT_THAT(Users(), ElementsAre("ada"));
  EXPECT_THAT(Heard(), ElementsAre("newcomer ada"));
}

TEST_P(PresenceStoreSuite, WhatBecomesOfAClaimIsPublishedUnderItsName) {
  Report("a", 1, 1, true);
  Register("a", 1, "ada", "r1");
  Register("a", 1, "lovelace", "r2", "ada");
  Unregister("a", 1, "lovelace");
  Register("a", 1, "ada", "r3");
  Evict("a", {"ada"}, /*only_if_expired=*/false);
  EXPECT_THAT(Publishers(), ElementsAre("newcomer a r1", "exiter a r1", "newcomer a r2",
                                        "exiter a r2", "newcomer a r3", "exiter a r3"));
}

TEST_P(PresenceStoreSuite, NameThatSomebodyHoldsIsTaken) {
  Report("a", 1, 2, true);
  Report("b", 1, 1, true);
  Register("a", 1, "ada", "r1");
  EXPECT_EQ(Register("a", 2, "ada", "r1"), ClaimOutcome::kTaken) << "another connection";
  EXPECT_EQ(Register("b", 1, "ada", "r1"), ClaimOutcome::kTaken) << "another lease";
  EXPECT_EQ(Register("a", 1, "ada", "r2"), ClaimOutcome::kTaken) << "one's own, once more";
  EXPECT_EQ(Register("b", 1, "Ada", "r2"), ClaimOutcome::kRegistered) << "another case";
  EXPECT_THAT(Heard(), ElementsAre("newcomer ada", "newcomer Ada"));
}

TEST_P(PresenceStoreSuite, RenamingFreesTheOldNameFirst) {
  Report("a", 1, 2, true);
  Register("a", 1, "ada", "r1");
  EXPECT_EQ(Register("a", 1, "lovelace", "r2", "ada"), ClaimOutcome::kRegistered);
  EXPECT_EQ(Register("a", 1, "lovelace", "r2", "ada"), ClaimOutcome::kRegistered) << "a retry";
  EXPECT_THAT(Users(), ElementsAre("lovelace"));
  EXPECT_EQ(Register("a", 2, "ada", "r3"), ClaimOutcome::kRegistered);
  EXPECT_THAT(Heard(),
              ElementsAre("newcomer ada", "exiter ada", "newcomer lovelace", "newcomer ada"));
}

TEST_P(PresenceStoreSuite, RenamingToATakenNameKeepsTheOldOne) {
  Report("a", 1, 2, true);
  Register("a", 1, "ada", "r1");
  Register("a", 2, "grace", "r2");
  EXPECT_EQ(Register("a", 1, "grace", "r3", "ada"), ClaimOutcome::kTaken);
  EXPECT_THAT(Users(), ElementsAre("ada", "grace"));
  EXPECT_THAT(Heard(), ElementsAre("newcomer ada", "newcomer grace"));
}

TEST_P(PresenceStoreSuite, RenamingDoesNotFreeTheNameOfAnother) {
  Report("a", 1, 2, true);
  Register("a", 1, "ada", "r1");
  EXPECT_EQ(Register("a", 2, "grace", "r2", "ada"), ClaimOutcome::kRegistered);
  EXPECT_THAT(Users(), ElementsAre("ada", "grace"));
  EXPECT_THAT(Heard(), ElementsAre("newcomer ada", "newcomer grace"));
}

TEST_P(PresenceStoreSuite, ClaimOfAnUnknownLeaseChangesNothing) {
  Report("a", 1, 1, true);
  EXPECT_EQ(Register("b", 1, "ada", "r1"), ClaimOutcome::kLeaseUnknown);
  EXPECT_THAT(Users(), IsEmpty());
  EXPECT_THAT(Heard(), IsEmpty());
}

TEST_P(PresenceStoreSuite, OnlyTheHolderGivesANameBack) {
  Report("a", 1, 2, true);
  Report("b", 1, 1, true);
  Register("a", 1, "ada", "r1");
  EXPECT_FALSE(Unregister("a", 2, "ada"));
  EXPECT_FALSE(Unregister("b", 1, "ada"));
  EXPECT_FALSE(Unregister("a", 1, "grace"));
  EXPECT_TRUE(Unregister("a", 1, "ada"));
  EXPECT_FALSE(Unregister("a", 1, "ada"));
  EXPECT_THAT(Users(), IsEmpty());
  EXPECT_THAT(Heard(), ElementsAre("newcomer ada", "exiter ada"));
}

TEST_P(PresenceStoreSuite, NameGivenBackCanBeClaimedAgain) {
  Report("a", 1, 2, true);
  Register("a", 1, "ada", "r1");
  Unregister("a", 1, "ada");
  EXPECT_EQ(Register("a", 1, "ada", "r2"), ClaimOutcome::kRegistered);
  Unregister("a", 1, "ada");
  EXPECT_EQ(Register("a", 2, "ada", "r3"), ClaimOutcome::kRegistered);
}

TEST_P(PresenceStoreSuite, ClaimThatComesAfterItsNameWasGivenBackIsNotMade) {
  Report("a", 1, 2, true);
  Register("a", 1, "ada", "r1");
  Unregister("a", 1, "ada");
  EXPECT_EQ(Register("a", 1, "ada", "r1"), ClaimOutcome::kTaken) << "an attempt that hung";
  EXPECT_FALSE(Unregister("a", 2, "grace"));
  EXPECT_EQ(Register("a", 2, "grace", "r2"), ClaimOutcome::kTaken) << "the only attempt, hung";
  Register("a", 1, "alan", "r3");
  Register("a", 1, "turing", "r4", "alan");
  EXPECT_EQ(Register("a", 1, "alan", "r3"), ClaimOutcome::kTaken) << "hung while it was renamed";
  EXPECT_THAT(Users(), ElementsAre("turing"));
  EXPECT_THAT(Heard(), ElementsAre("newcomer ada", "exiter ada", "newcomer alan", "exiter alan",
                                   "newcomer turing"));
}

TEST_P(PresenceStoreSuite, NewerClaimOfTheSameConnectionOutlivesALateEndOfTheOlderOne) {
  Report("a", 1, 1, true);
  Register("a", 1, "ada", "r1");
  EXPECT_TRUE(Unregister("a", 1, "ada", "r1"));
  EXPECT_EQ(Register("a", 1, "ada", "r2"), ClaimOutcome::kRegistered);
  EXPECT_FALSE(Unregister("a", 1, "ada", "r1")) << "an attempt that hung";
  EXPECT_THAT(Users(), ElementsAre("ada"));
  EXPECT_EQ(Register("a", 1, "ada", "r2"), ClaimOutcome::kRegistered) << "a retry";
  EXPECT_TRUE(Unregister("a", 1, "ada", "r2"));
  EXPECT_THAT(Heard(), ElementsAre("newcomer ada", "exiter ada", "newcomer ada", "exiter ada"));
}

TEST_P(PresenceStoreSuite, EndOfAClaimThatIsStillOnTheWayWithdrawsThatOneOnly) {
  Report("a", 1, 1, true);
  EXPECT_FALSE(Unregister("a", 1, "ada", "r1"));
  EXPECT_EQ(Register("a", 1, "ada", "r1"), ClaimOutcome::kTaken);
  EXPECT_EQ(Register("a", 1, "ada", "r2"), ClaimOutcome::kRegistered);
}

TEST_P(PresenceStoreSuite, ListsUsersInOrderOfRegistration) {
  Report("a", 1, 1, true);
  std::vector<std::string> expected;
  for (uint64_t i = 0; i < 30; ++i) {
    expected.push_back("user" + std::to_string((i * 7) % 30));
    Register("a", i, expected.back(), "r");
  }
  EXPECT_EQ(Users(), expected);
}

TEST_P(PresenceStoreSuite, OfSimultaneousClaimsOneWins) {
  constexpr int kThreads = 100;  // half of them at each replica
  constexpr int kRounds = 20;
  Report("a", 1, 1, true);
  Report("b", 1, 1, true);
  for (int round = 0; round < kRounds; ++round) {
    const std::string nickname = "user" + std::to_string(round);
    std::atomic<int> winners = 0;
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        PresenceStore& mine = i % 2 == 0 ? world_->store() : world_->other_store();
        const auto outcome = WaitFor<ClaimOutcome>([&](auto done) {
          mine.Register({.channel = "QGIS",
                         .lease = i % 2 == 0 ? "a" : "b",
                         .connection = static_cast<uint64_t>(i),
                         .request_id = "r",
                         .nickname = nickname,
                         .previous_nickname = {},
                         .newcomer_event = Events().Newcomer(nickname),
                         .exiter_event = {}},
                        std::move(done));
        });
        if (outcome.value() == ClaimOutcome::kRegistered) ++winners;
      });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(winners, 1) << "round " << round;
  }
  EXPECT_EQ(Heard().size(), static_cast<size_t>(kRounds));
  EXPECT_EQ(Users().size(), static_cast<size_t>(kRounds));
}

}  // namespace gischat::presence
