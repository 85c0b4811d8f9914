#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "edge/session/reviewer.h"
#include "edge/session/session.h"
#include "tests/unit/session/client.h"

namespace gischat::edge::session {
namespace {

using presence::v1::RegisterResponse;
using testing::ElementsAre;
using testing::IsEmpty;

class SessionCloseTest : public testing::Test {
 protected:
  SessionCloseTest() {
    client_.Enter();
    client_.seen.clear();
    client_.json.clear();
  }

  size_t claims() const { return parts_.presence.registers.size(); }
  size_t releases() const { return parts_.presence.unregisters.size(); }
  bool alive() const { return !parts_.alive.expired(); }

  tests::EdgeParts parts_;
  Client client_{parts_};
};

TEST_F(SessionCloseTest, LeavesTheChannelOnce) {
  client_.Claim("Ada");
  client_.session().OnClosed();
  client_.Close();
  EXPECT_EQ(parts_.hub.member_count(), 0u);
  EXPECT_EQ(parts_.Reported(), 0u);
  EXPECT_EQ(releases(), 1u);
  EXPECT_EQ(tests::MetricValue(parts_.registry, "gischat_edge_connections", "channels"), 0);
  EXPECT_FALSE(alive());
}

TEST_F(SessionCloseTest, StillPublishesWhatWasSentBefore) {
  client_.Claim("Ada");
  parts_.HoldReviews();
  parts_.HoldPublishes();
  const std::string one(Reviewer::kPromptBytes, '1');  // so long that it is reviewed by itself
  client_.Say(one);
  client_.Say(std::string(one.size(), '2'));
  client_.Close();
  EXPECT_EQ(parts_.hub.member_count(), 0u);
  EXPECT_EQ(parts_.Reported(), 0u);
  parts_.Accept(1);
  parts_.Accept(0);
  EXPECT_THAT(parts_.Published(), ElementsAre(one, std::string(one.size(), '2')));
  EXPECT_TRUE(alive());
  EXPECT_EQ(releases(), 0u) << "before its last words";
  parts_.AnswerPublish();
  EXPECT_EQ(releases(), 1u);
  EXPECT_FALSE(alive());
}

TEST_F(SessionCloseTest, SendsNothingAfterwards) {
  parts_.HoldReviews();
  parts_.RefusePublishes();
  client_.Say("one");
  client_.Send("[]");
  parts_.Accept(0);
  client_.Say("two");
  client_.seen.clear();
  client_.Close();
  parts_.Happen(tests::TextMessage("live"));
  parts_.moderation.reviews.AnswerLast(absl::InternalError("broken"));
  EXPECT_TRUE(tests::RunUntil(parts_.loop, [&] { return !alive(); }));
  EXPECT_THAT(client_.seen, IsEmpty());
}

TEST_F(SessionCloseTest, FreesTheNameAtOnceWhileAnImageIsLookedAt) {
  client_.Claim("Ada");
  parts_.HoldReviews();
  client_.ShowImage();
  client_.Close();
  EXPECT_EQ(releases(), 1u);
  EXPECT_TRUE(alive());
  parts_.Accept(0);
  EXPECT_THAT(parts_.Published(), ElementsAre("image"));
  EXPECT_EQ(releases(), 1u);
  EXPECT_FALSE(alive());
}

TEST_F(SessionCloseTest, GivesBackANameThatIsStillBeingClaimed) {
  parts_.HoldClaims();
  client_.Claim("Ada");
  client_.Close();
  EXPECT_TRUE(alive());
  parts_.AnswerClaim(RegisterResponse::REGISTERED);
  ASSERT_EQ(releases(), 1u);
  EXPECT_EQ(parts_.presence.unregisters.last().nickname(), "Ada");
  EXPECT_FALSE(alive());
}

TEST_F(SessionCloseTest, GivesBackANameWhoseClaimWasAnsweredAtTheSameMoment) {
  parts_.HoldClaims();
  client_.Claim("Ada");
  parts_.presence.registers.AnswerLast(tests::FakePresence::Outcome(RegisterResponse::REGISTERED));
  client_.Close();
  ASSERT_EQ(releases(), 1u);
  EXPECT_FALSE(alive());
}

TEST_F(SessionCloseTest, ClaimsNothingAnyMore) {
  parts_.HoldReviews();
  parts_.HoldPublishes();
  client_.Say("before");
  client_.Claim("Ada");
  client_.Close();
  parts_.Accept(0);
  parts_.Accept(1);
  parts_.AnswerPublish();
  EXPECT_EQ(claims(), 0u);
  EXPECT_FALSE(alive());
}

TEST_F(SessionCloseTest, LetsTheSaidExiterAndTheEndShareOneRelease) {
  client_.Claim("Ada");
  parts_.HoldPublishes();
  client_.Say("before");
  client_.Exit("Ada");
  client_.Close();
  parts_.AnswerPublish();
  EXPECT_EQ(releases(), 1u);
  EXPECT_FALSE(alive());
}

TEST_F(SessionCloseTest, OutlivesItsConnectionUntilModerationIsBack) {
  parts_.HoldReviews();
  client_.Say("one");
  parts_.moderation.reviews.AnswerLast(absl::UnavailableError("away"));
  client_.Close();
  EXPECT_TRUE(alive());
  ASSERT_TRUE(tests::RunUntil(parts_.loop, [&] { return parts_.moderation.reviews.size() == 2; }));
  parts_.Accept(1);
  EXPECT_THAT(parts_.Published(), ElementsAre("one"));
  EXPECT_FALSE(alive());
}

}  // namespace
}  // namespace gischat::edge::session
