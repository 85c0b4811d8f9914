#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "edge/clients/lease.h"
#include "tests/unit/clients/leasing.h"

namespace gischat::edge::clients {
namespace {

using presence::v1::RegisterRequest;
using presence::v1::RegisterResponse;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint64_t kConnection = 42;

class ClaimTest : public LeaseFixture {
 protected:
  void Claim(const std::string& nickname, const std::string& previous = "") {
    NicknameClaim claim;
    claim.channel = "QGIS";
    claim.connection = kConnection;
    claim.nickname = nickname;
    claim.previous_nickname = previous;
    claim.done = [this, nickname](ClaimOutcome outcome) {
      told_.push_back(nickname + (outcome == ClaimOutcome::kRegistered ? " registered" : " taken"));
    };
    claim.on_lost = [this, nickname] { told_.push_back(nickname + " lost"); };
    lease_.Register(std::move(claim));
    Settle();
  }
  void Release() {
    lease_.Unregister("QGIS", kConnection, [this] { told_.emplace_back("released"); });
    Settle();
  }
  void Answer(absl::StatusOr<RegisterResponse> response) {
    presence_.registers.AnswerLast(std::move(response));
    Settle();
  }
  void AnswerRegistered() { Answer(FakePresence::Outcome(RegisterResponse::REGISTERED)); }
  void AnswerTaken() { Answer(FakePresence::Outcome(RegisterResponse::TAKEN)); }
  void AnswerReleased() {
    presence_.unregisters.AnswerLast(presence::v1::UnregisterResponse());
    Settle();
  }
  void AwaitClaim(size_t number) {
    ASSERT_TRUE(RunUntil([&] { return presence_.registers.size() >= number; }));
    ASSERT_EQ(presence_.registers.size(), number);
  }
  void HoldName(const std::string& nickname) {
    Claim(nickname);
    AnswerRegistered();
    told_.clear();
  }

  std::vector<std::string> told_;
};

TEST_F(ClaimTest, AsksPresence) {
  Begin();
  Claim("Ada", "Bob");
  ASSERT_EQ(presence_.registers.size(), 1u);
  const RegisterRequest request = presence_.registers.last();
  EXPECT_EQ(request.lease(), "L1");
  EXPECT_EQ(request.channel(), "QGIS");
  EXPECT_EQ(request.connection(), kConnection);
  EXPECT_NE(request.request_id(), "");
  EXPECT_EQ(request.nickname(), "Ada");
  EXPECT_EQ(request.previous_nickname(), "Bob");
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(ClaimTest, TellsTheOutcome) {
  Begin();
  Claim("Ada");
  AnswerRegistered();
  Claim("Bob", "Ada");
  AnswerTaken();
  EXPECT_THAT(told_, ElementsAre("Ada registered", "Bob taken"));
}

TEST_F(ClaimTest, IsRepeatedUnderTheSameIdUntilPresenceAnswers) {
  Begin();
  Claim("Ada");
  for (size_t attempt = 1; attempt <= 2; ++attempt) {
    Answer(absl::DeadlineExceededError("slow"));
    AwaitClaim(attempt + 1);
    EXPECT_EQ(presence_.registers.last().request_id(), presence_.registers.request(0).request_id());
  }
  AnswerRegistered();
  EXPECT_THAT(told_, ElementsAre("Ada registered"));
}

TEST_F(ClaimTest, WaitsForALease) {
  lease_.Start();
  Claim("Ada");
  EXPECT_EQ(presence_.registers.size(), 0u);
  GrantLease("L1");
  AwaitClaim(1);
  EXPECT_EQ(presence_.registers.last().lease(), "L1");
}

TEST_F(ClaimTest, ThatFindsNoLeaseLeadsToANewOne) {
  Begin();
  Claim("Ada");
  const size_t reports = presence_.reports.size();
  Answer(FakePresence::Outcome(RegisterResponse::LEASE_UNKNOWN));
  ASSERT_EQ(presence_.reports.size(), reports + 1);
  AnswerReport(/*known=*/false);
  GrantLease("L2");
  AwaitClaim(2);
  EXPECT_EQ(presence_.registers.last().lease(), "L2");
  AnswerRegistered();
  EXPECT_THAT(told_, ElementsAre("Ada registered"));
}

TEST_F(ClaimTest, IsMadeAgainWhenTheLeaseWasLost) {
  Begin();
  HoldName("Ada");
  LoseLease("L2");
  AwaitClaim(2);
  const RegisterRequest request = presence_.registers.last();
  EXPECT_EQ(request.lease(), "L2");
  EXPECT_EQ(request.nickname(), "Ada");
  EXPECT_EQ(request.connection(), kConnection);
  EXPECT_NE(request.request_id(), presence_.registers.request(0).request_id());
  AnswerRegistered();
  EXPECT_THAT(told_, IsEmpty());
  LoseLease("L3");
  AwaitClaim(3);
}

TEST_F(ClaimTest, TellsThatTheNameWasTakenMeanwhile) {
  Begin();
  HoldName("Ada");
  LoseLease("L2");
  AwaitClaim(2);
  AnswerTaken();
  EXPECT_THAT(told_, ElementsAre("Ada lost"));
  LoseLease("L3");
  EXPECT_EQ(presence_.registers.size(), 2u);
  Release();
  EXPECT_THAT(told_, ElementsAre("Ada lost", "released"));
  EXPECT_EQ(presence_.unregisters.size(), 0u);
}

// The answer is about a lease that is gone, and the name went with it.
TEST_F(ClaimTest, IsMadeAgainWhenTheLeaseWasLostBeforeTheAnswerCame) {
  Begin();
  Claim("Ada");
  LoseLease("L2");
  AnswerRegistered();
  EXPECT_THAT(told_, IsEmpty());
  AwaitClaim(2);
  EXPECT_EQ(presence_.registers.last().lease(), "L2");
  AnswerRegistered();
  EXPECT_THAT(told_, ElementsAre("Ada registered"));
}

// Until the outcome of the new name is known the connection holds the old one.
TEST_F(ClaimTest, OfAnotherNameThatIsTakenKeepsTheOldOneThroughALostLease) {
  Begin();
  HoldName("Ada");
  Claim("Bob", "Ada");
  LoseLease("L2");
  AnswerTaken();  // by the old lease
  AwaitClaim(3);
  EXPECT_EQ(presence_.registers.last().nickname(), "Bob");
  AnswerTaken();
  EXPECT_THAT(told_, ElementsAre("Bob taken"));
  AwaitClaim(4);
  EXPECT_EQ(presence_.registers.last().nickname(), "Ada");
  EXPECT_EQ(presence_.registers.last().lease(), "L2");
  AnswerRegistered();
  EXPECT_THAT(told_, ElementsAre("Bob taken"));
  Release();
  EXPECT_EQ(presence_.unregisters.last().nickname(), "Ada");
}

TEST_F(ClaimTest, WaitsForAnEarlierOneOfTheSameConnection) {
  Begin();
  HoldName("Ada");
  LoseLease("L2");
  AwaitClaim(2);
  Claim("Bob", "Ada");
  EXPECT_EQ(presence_.registers.size(), 2u);
  AnswerRegistered();
  AwaitClaim(3);
  EXPECT_EQ(presence_.registers.last().nickname(), "Bob");
  EXPECT_EQ(presence_.registers.last().previous_nickname(), "Ada");
  AnswerRegistered();
  EXPECT_THAT(told_, ElementsAre("Bob registered"));
  Release();
  EXPECT_EQ(presence_.unregisters.last().nickname(), "Bob");
}

TEST_F(ClaimTest, ReleaseGivesTheNameBack) {
  Begin();
  HoldName("Ada");
  Release();
  ASSERT_EQ(presence_.unregisters.size(), 1u);
  const presence::v1::UnregisterRequest request = presence_.unregisters.last();
  EXPECT_EQ(request.lease(), "L1");
  EXPECT_EQ(request.channel(), "QGIS");
  EXPECT_EQ(request.connection(), kConnection);
  EXPECT_EQ(request.nickname(), "Ada");
  EXPECT_EQ(request.request_id(), presence_.registers.last().request_id());
  EXPECT_THAT(told_, IsEmpty());
  AnswerReleased();
  EXPECT_THAT(told_, ElementsAre("released"));
  LoseLease("L2");
  EXPECT_EQ(presence_.registers.size(), 1u) << "claimed again";
}

TEST_F(ClaimTest, ReleaseOfNothingIsDoneAtOnce) {
  Begin();
  Release();
  EXPECT_THAT(told_, ElementsAre("released"));
  EXPECT_EQ(presence_.unregisters.size(), 0u);
}

TEST_F(ClaimTest, ReleaseIsRepeatedUntilPresenceAnswers) {
  Begin();
  HoldName("Ada");
  Release();
  presence_.unregisters.AnswerLast(absl::UnavailableError("away"));
  ASSERT_TRUE(RunUntil([&] { return presence_.unregisters.size() == 2; }));
  EXPECT_THAT(told_, IsEmpty());
  AnswerReleased();
  EXPECT_THAT(told_, ElementsAre("released"));
}

TEST_F(ClaimTest, ReleaseOfANameThatWentWithItsLeaseIsDone) {
  Begin();
  HoldName("Ada");
  lease_.Connect("QGIS", [](hub::Count) {});
  Settle();
  AnswerReport(/*known=*/false);
  Release();
  EXPECT_THAT(told_, ElementsAre("released"));
  GrantLease("L2");
  EXPECT_EQ(presence_.registers.size(), 1u);
  EXPECT_EQ(presence_.unregisters.size(), 0u);
}

TEST_F(ClaimTest, ReleaseWhileAClaimIsUnderWayGivesBackWhatItWins) {
  Begin();
  Claim("Ada");
  Release();
  EXPECT_EQ(presence_.unregisters.size(), 0u);
  AnswerRegistered();
  ASSERT_EQ(presence_.unregisters.size(), 1u);
  EXPECT_EQ(presence_.unregisters.last().nickname(), "Ada");
  AnswerReleased();
  EXPECT_THAT(told_, ElementsAre("released"));
}

TEST_F(ClaimTest, ReleaseWhileAClaimIsUnderWayIsDoneWhenItLoses) {
  Begin();
  Claim("Ada");
  Release();
  AnswerTaken();
  EXPECT_THAT(told_, ElementsAre("released"));
  EXPECT_EQ(presence_.unregisters.size(), 0u);
}

TEST_F(ClaimTest, ReleaseWhileARenameIsUnderWayGivesTheOldNameBackWhenItLoses) {
  Begin();
  HoldName("Ada");
  Claim("Bob", "Ada");
  Release();
  AnswerTaken();
  ASSERT_EQ(presence_.unregisters.size(), 1u);
  EXPECT_EQ(presence_.unregisters.last().nickname(), "Ada");
}

TEST_F(ClaimTest, ReleaseWhileAClaimWaitsForALostLeaseClaimsNothingMore) {
  Begin();
  Claim("Ada");
  LoseLease("L2");
  Release();
  AnswerRegistered();  // by the old lease
  EXPECT_THAT(told_, ElementsAre("released"));
  EXPECT_EQ(presence_.registers.size(), 1u);
}

TEST_F(ClaimTest, IsRepeatedUnderTheSameIdWhenTheStoreMayHaveLostIt) {
  Begin();
  HoldName("Ada");
  lease_.Verify("Geotribu");
  Settle();
  EXPECT_EQ(presence_.registers.size(), 1u);
  lease_.Verify("QGIS");
  Settle();
  ASSERT_EQ(presence_.registers.size(), 2u);
  EXPECT_EQ(presence_.registers.last().nickname(), "Ada");
  EXPECT_EQ(presence_.registers.last().request_id(), presence_.registers.request(0).request_id());
  AnswerRegistered();
  EXPECT_THAT(told_, IsEmpty());
  Release();
  EXPECT_EQ(presence_.unregisters.last().nickname(), "Ada");
  AnswerReleased();
  EXPECT_THAT(told_, ElementsAre("released"));
}

TEST_F(ClaimTest, ThatTheStoreLostMayHaveGoneToSomebodyElse) {
  Begin();
  HoldName("Ada");
  lease_.Verify("QGIS");
  Settle();
  AnswerTaken();
  EXPECT_THAT(told_, ElementsAre("Ada lost"));
  Release();
  EXPECT_EQ(presence_.unregisters.size(), 0u) << "somebody else's";
}

TEST_F(ClaimTest, IsGivenBackAgainWhenTheStoreMayHaveLostThat) {
  Begin();
  HoldName("Ada");
  Claim("Bob", "Ada");
  AnswerRegistered();
  Release();
  AnswerReleased();
  ASSERT_EQ(presence_.unregisters.size(), 1u);
  lease_.Verify("QGIS");
  Settle();
  EXPECT_EQ(presence_.registers.size(), 2u);
  ASSERT_EQ(presence_.unregisters.size(), 3u);
  for (const size_t claim : {0, 1}) {
    EXPECT_EQ(presence_.unregisters.request(1 + claim).nickname(), claim == 0 ? "Ada" : "Bob");
    EXPECT_EQ(presence_.unregisters.request(1 + claim).request_id(),
              presence_.registers.request(claim).request_id());
  }
}

TEST_F(ClaimTest, NothingIsToldAfterTheLeaseHasStopped) {
  Begin();
  Claim("Ada");
  lease_.Stop(absl::Seconds(60), [] {});
  Settle();
  presence_.detaches.AnswerLast(presence::v1::DetachResponse());
  Settle();
  AnswerRegistered();
  EXPECT_THAT(told_, IsEmpty());
}

}  // namespace
}  // namespace gischat::edge::clients
