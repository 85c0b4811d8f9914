#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "edge/session/session.h"
#include "tests/unit/session/client.h"

namespace gischat::edge::session {
namespace {

using presence::v1::RegisterResponse;
using testing::ElementsAre;
using testing::IsEmpty;

class SessionNicknameTest : public testing::Test {
 protected:
  SessionNicknameTest() {
    client_.Enter();
    client_.seen.clear();
  }

  size_t claims() const { return parts_.presence.registers.size(); }
  size_t releases() const { return parts_.presence.unregisters.size(); }

  tests::EdgeParts parts_;
  Client client_{parts_};
};

TEST_F(SessionNicknameTest, IsTheClientsOnceItIsRegistered) {
  parts_.HoldClaims();
  client_.Claim("Ada");
  ASSERT_EQ(claims(), 1u);
  const presence::v1::RegisterRequest request = parts_.presence.registers.last();
  EXPECT_EQ(request.channel(), "QGIS");
  EXPECT_EQ(request.nickname(), "Ada");
  EXPECT_EQ(request.previous_nickname(), "");
  EXPECT_EQ(request.connection(), client_.session().identity().connection);
  EXPECT_EQ(client_.session().nickname, "");
  parts_.AnswerClaim(RegisterResponse::REGISTERED);
  EXPECT_EQ(client_.session().nickname, "Ada");
  parts_.Happen(tests::LikeMessage("Ada"));
  EXPECT_THAT(client_.seen, ElementsAre("*Ada"));
  EXPECT_THAT(parts_.Published(), IsEmpty()) << "presence tells the channel";
}

TEST_F(SessionNicknameTest, IsTheClientsAsSoonAsTheChannelHearsOfIt) {
  parts_.HoldClaims();
  client_.Claim("Ada");
  parts_.Happen(tests::LikeMessage("Ada"));
  parts_.Happen(tests::NewcomerMessage("Ada"));
  parts_.Happen(tests::LikeMessage("Ada"));
  EXPECT_THAT(client_.seen, ElementsAre("+Ada", "*Ada"));
  parts_.AnswerClaim(RegisterResponse::REGISTERED);
  EXPECT_EQ(client_.session().nickname, "Ada");
}

TEST_F(SessionNicknameTest, IsNotTheClientsWhenItWasAnotherWhoGotIt) {
  client_.Claim("Bob");
  parts_.HoldClaims();
  client_.Claim("Ada");
  parts_.Happen(tests::NewcomerMessage("Ada"));
  parts_.AnswerClaim(RegisterResponse::TAKEN);
  EXPECT_EQ(client_.session().nickname, "Bob");
  parts_.Happen(tests::NewcomerMessage("Ada"));
  EXPECT_EQ(client_.session().nickname, "Bob");
}

TEST_F(SessionNicknameTest, ThatIsTakenIsRefused) {
  parts_.HoldClaims();
  client_.Claim("Ada");
  parts_.AnswerClaim(RegisterResponse::TAKEN);
  EXPECT_THAT(client_.seen, ElementsAre("!User 'Ada' already registered in channel QGIS"));
  EXPECT_EQ(client_.session().nickname, "");
  Client rooms(parts_, codec::Api::kRooms);
  rooms.Enter();
  rooms.Claim("Ada");
  parts_.AnswerClaim(RegisterResponse::TAKEN);
  EXPECT_EQ(rooms.seen.back(), "!User 'Ada' already registered in room QGIS");
}

TEST_F(SessionNicknameTest, OnceMoreCountsAsTaken) {
  client_.Claim("Ada");
  parts_.HoldClaims();
  client_.Claim("Ada");
  EXPECT_EQ(parts_.presence.registers.last().previous_nickname(), "Ada");
  parts_.AnswerClaim(RegisterResponse::TAKEN);
  EXPECT_THAT(client_.seen, ElementsAre("!User 'Ada' already registered in channel QGIS"));
  EXPECT_EQ(client_.session().nickname, "Ada");
}

TEST_F(SessionNicknameTest, IsReplacedByAnother) {
  client_.Claim("Ada");
  client_.Claim("Bob");
  EXPECT_EQ(parts_.presence.registers.last().nickname(), "Bob");
  EXPECT_EQ(parts_.presence.registers.last().previous_nickname(), "Ada");
  EXPECT_EQ(client_.session().nickname, "Bob");
  EXPECT_EQ(releases(), 0u);
}

TEST_F(SessionNicknameTest, StaysWhenTheOtherIsTaken) {
  client_.Claim("Ada");
  parts_.HoldClaims();
  client_.Claim("Bob");
  parts_.AnswerClaim(RegisterResponse::TAKEN);
  EXPECT_EQ(client_.session().nickname, "Ada");
}

TEST_F(SessionNicknameTest, IsClaimedAfterEverythingThatWasSaidBefore) {
  parts_.HoldPublishes();
  client_.Say("before");
  client_.Claim("Ada");
  EXPECT_EQ(claims(), 0u);
  parts_.AnswerPublish();
  EXPECT_EQ(claims(), 1u);
}

TEST_F(SessionNicknameTest, IsKnownBeforeWhatIsSaidAfterwards) {
  parts_.HoldClaims();
  client_.Claim("Ada");
  client_.Say("after");
  EXPECT_THAT(parts_.Published(), IsEmpty());
  parts_.AnswerClaim(RegisterResponse::REGISTERED);
  EXPECT_THAT(parts_.Published(), ElementsAre("after"));
}

TEST_F(SessionNicknameTest, HoldsUpWhatIsSaidAfterwardsForOneSecondAtMost) {
  parts_.HoldClaims();
  client_.Claim("Ada");
  client_.Say("after");
  tests::RunFor(parts_.loop, std::chrono::milliseconds(700));
  EXPECT_THAT(parts_.Published(), IsEmpty());
  ASSERT_TRUE(tests::RunUntil(
      parts_.loop, [&] { return !parts_.Published().empty(); }, absl::Seconds(2)));
  parts_.AnswerClaim(RegisterResponse::REGISTERED);
  EXPECT_EQ(client_.session().nickname, "Ada");
}

TEST_F(SessionNicknameTest, HasASecondOfItsOwnHoweverSoonAfterAnother) {
  client_.Claim("Ada");
  tests::RunFor(parts_.loop, std::chrono::milliseconds(600));
  parts_.HoldClaims();
  client_.Claim("Bob");
  client_.Say("after");
  tests::RunFor(parts_.loop, std::chrono::milliseconds(700));
  EXPECT_THAT(parts_.Published(), IsEmpty());
  parts_.AnswerClaim(RegisterResponse::REGISTERED);
}

TEST_F(SessionNicknameTest, IsGivenBackByOnesOwnExiter) {
  client_.Claim("Ada");
  client_.Exit("Ada");
  ASSERT_EQ(releases(), 1u);
  EXPECT_EQ(parts_.presence.unregisters.last().nickname(), "Ada");
  EXPECT_EQ(client_.session().nickname, "");
  client_.Exit("Ada");
  client_.Close();
  EXPECT_EQ(releases(), 1u);
  EXPECT_THAT(client_.seen, IsEmpty());
}

TEST_F(SessionNicknameTest, IsNotGivenBackByTheExiterOfAnother) {
  client_.Exit("Ada");
  client_.Exit("");
  client_.Claim("Ada");
  client_.Exit("ada");
  client_.Exit("Bob");
  client_.Send(R"({"type":"exiter"})");
  EXPECT_EQ(releases(), 0u);
  EXPECT_EQ(client_.session().nickname, "Ada");
  EXPECT_THAT(client_.seen, IsEmpty());
}

TEST_F(SessionNicknameTest, IsGivenBackBetweenWhatIsSaidBeforeAndAfter) {
  client_.Claim("Ada");
  parts_.HoldPublishes();
  parts_.HoldReleases();
  client_.Say("before");
  client_.Exit("Ada");
  client_.Say("after");
  EXPECT_EQ(releases(), 0u);
  parts_.AnswerPublish();
  EXPECT_EQ(releases(), 1u);
  EXPECT_THAT(parts_.Published(), ElementsAre("before"));
  parts_.AnswerRelease();
  EXPECT_THAT(parts_.Published(), ElementsAre("before", "after"));
}

TEST_F(SessionNicknameTest, ThatCanNotBeGivenBackHoldsUpWhatIsSaidForOneSecondAtMost) {
  client_.Claim("Ada");
  parts_.HoldReleases();
  client_.Exit("Ada");
  client_.Say("after");
  EXPECT_THAT(parts_.Published(), IsEmpty());
  ASSERT_TRUE(tests::RunUntil(
      parts_.loop, [&] { return !parts_.Published().empty(); }, absl::Seconds(2)));
  parts_.AnswerRelease();
}

TEST_F(SessionNicknameTest, ThatWasTakenWhileTheLeaseWasLostIsTheClientsNoMore) {
  client_.Claim("Ada");
  parts_.presence.registers.AnswerAtOnce(
      [](const auto&) { return tests::FakePresence::Outcome(RegisterResponse::TAKEN); });
  parts_.presence.reports.AnswerAtOnce([](const auto& request) {
    return tests::FakePresence::Counted(request, /*known=*/request.announce());
  });
  Client other(parts_);
  other.Enter();
  ASSERT_TRUE(tests::RunUntil(parts_.loop, [&] { return !client_.seen.empty(); }));
  EXPECT_THAT(client_.seen, testing::Contains("!User 'Ada' already registered in channel QGIS"));
  EXPECT_EQ(client_.session().nickname, "");
}

TEST_F(SessionNicknameTest, ThatWasLostDoesNotComeBackWhenTheNextOneIsTaken) {
  client_.Claim("Ada");
  parts_.HoldClaims();
  parts_.presence.reports.AnswerAtOnce([](const auto& request) {
    return tests::FakePresence::Counted(request, /*known=*/request.announce());
  });
  Client other(parts_);
  other.Enter();
  ASSERT_TRUE(tests::RunUntil(parts_.loop, [&] { return claims() == 2; }));
  client_.Claim("Bob");
  parts_.AnswerClaim(RegisterResponse::TAKEN);
  ASSERT_EQ(claims(), 3u);
  EXPECT_EQ(parts_.presence.registers.last().nickname(), "Bob");
  parts_.AnswerClaim(RegisterResponse::TAKEN);
  EXPECT_EQ(client_.session().nickname, "");
}

}  // namespace
}  // namespace gischat::edge::session
