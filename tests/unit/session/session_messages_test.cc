#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <string>
#include <utility>
#include <vector>

#include "edge/session/reviewer.h"
#include "edge/session/session.h"
#include "tests/unit/session/client.h"

namespace gischat::edge::session {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using net::Rate;

class SessionMessagesTest : public testing::Test {
 protected:
  SessionMessagesTest() {
    client_.Enter();
    client_.seen.clear();
    client_.json.clear();
  }

  tests::EdgeParts parts_;
  Client client_{parts_};
};

TEST_F(SessionMessagesTest, PublishesWhatIsAccepted) {
  client_.Say("hi");
  ASSERT_EQ(parts_.fanout.publishes.size(), 1u);
  const fanout::v1::PublishRequest request = parts_.fanout.publishes.last();
  EXPECT_EQ(request.channel(), "QGIS");
  EXPECT_TRUE(request.drafts(0).stored());
  chat::v1::ChatMessage message;
  ASSERT_TRUE(message.ParseFromString(request.drafts(0).message()));
  EXPECT_EQ(message.text().text(), "hi");
  EXPECT_NE(message.id(), "");
  EXPECT_THAT(client_.seen, IsEmpty());
}

// So long that it is reviewed at once, and waits for no other.
std::string Long(char letter) { return std::string(Reviewer::kPromptBytes, letter); }

TEST_F(SessionMessagesTest, ReviewsInParallelAndPublishesInOrder) {
  parts_.HoldReviews();
  for (const char letter : {'a', 'b', 'c'}) client_.Say(Long(letter));
  ASSERT_EQ(parts_.moderation.reviews.size(), 3u);
  parts_.Accept(2);
  parts_.Accept(1);
  EXPECT_THAT(parts_.Published(), IsEmpty());
  parts_.Accept(0);
  EXPECT_THAT(parts_.Published(), ElementsAre(Long('a'), Long('b'), Long('c')));
}

TEST_F(SessionMessagesTest, RefusesInOrder) {
  parts_.HoldReviews();
  client_.Say("one");
  client_.Send("no JSON");
  client_.SendBinary();
  client_.Send(R"({"type":"nope"})");
  EXPECT_THAT(client_.seen, IsEmpty());
  parts_.Accept(0);
  EXPECT_THAT(parts_.Published(), ElementsAre("one"));
  ASSERT_EQ(client_.seen.size(), 3u);
  EXPECT_THAT(client_.seen[0], HasSubstr("!message: must be one JSON object"));
  EXPECT_THAT(client_.seen[1], HasSubstr("!message: must be text, not binary"));
  EXPECT_THAT(client_.seen[2], HasSubstr("!type: must be one of"));
}

TEST_F(SessionMessagesTest, TellsWhatIsNotOneJsonObjectAndGoesOn) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"", "!message: must be one JSON object (unexpected end of the text)"},
      {"{", "!message: must be one JSON object (unexpected end of the text)"},
      {"{]", "!message: must be one JSON object (unexpected character)"},
      {"[]", "!message: must be one JSON object"},
      {"5", "!message: must be one JSON object"},
      {"null", "!message: must be one JSON object"},
      {"\"text\"", "!message: must be one JSON object"},
      {std::string(129, '['), "!message: must be one JSON object (nested deeper than 128 levels)"},
      {"{\"x\":1e999}", "!message: must be one JSON object (number out of range)"},
  };
  for (const auto& [text, words] : table) {
    client_.seen.clear();
    client_.Send(text);
    EXPECT_THAT(client_.seen, ElementsAre(words)) << text;
  }
  client_.Say("still here");
  EXPECT_THAT(parts_.Published(), ElementsAre("still here"));
}

TEST_F(SessionMessagesTest, GivesTheFaultsOfTheDecoderToModeration) {
  client_.Send(R"({"type":"text","author":5})");
  const moderation::v1::ReviewRequest request = parts_.moderation.reviews.last();
  EXPECT_TRUE(request.message().has_text());
  EXPECT_EQ(request.decoding_violations_size(), 2);
  EXPECT_THAT(client_.seen, ElementsAre("!author: must be text (you sent 5); "
                                        "text: required (you sent nothing)"));
  EXPECT_EQ(tests::MetricValue(parts_.registry, "gischat_edge_uncompliant_total", "not_a_string"),
            1);
}

TEST_F(SessionMessagesTest, SpeaksTheShapeOfTheClient) {
  client_.Send("[]");
  EXPECT_THAT(client_.json.back(), HasSubstr(R"({"type":"uncompliant","id":")"));
  EXPECT_THAT(client_.json.back(), HasSubstr(R"("timestamp":)"));
  Client rooms(parts_, codec::Api::kRooms);
  rooms.Enter();
  rooms.Send("[]");
  EXPECT_EQ(rooms.json.back(),
            R"({"type":"uncompliant","reason":"message: must be one JSON object"})");
}

TEST_F(SessionMessagesTest, IgnoresWhatOnlyTheServerSays) {
  client_.Send(R"({"type":"nb_users","nb_users":5})");
  client_.Send(R"({"type":"uncompliant","reason":"you"})");
  EXPECT_EQ(parts_.moderation.reviews.size(), 0u);
  EXPECT_THAT(client_.seen, IsEmpty());
  EXPECT_THAT(parts_.Published(), IsEmpty());
}

TEST_F(SessionMessagesTest, TellsOutcomesThatAreNotGood) {
  parts_.RefusePublishes();
  client_.Say("hi");
  EXPECT_THAT(client_.seen, IsEmpty());
  ASSERT_TRUE(tests::RunUntil(parts_.loop, [&] { return !client_.seen.empty(); }));
  EXPECT_THAT(client_.seen,
              ElementsAre("!text: not delivered, the server can't pass it on now; try again"));
}

TEST_F(SessionMessagesTest, TriesAgainWhileModerationIsAway) {
  parts_.HoldReviews();
  client_.Say("hi");
  size_t attempt = 0;
  for (const absl::Status& failure : {absl::UnavailableError("away"), absl::CancelledError("ends"),
                                      absl::DeadlineExceededError("slow")}) {
    ++attempt;
    parts_.moderation.reviews.AnswerLast(failure);
    ASSERT_TRUE(tests::RunUntil(parts_.loop,
                                [&] { return parts_.moderation.reviews.size() == attempt + 1; }));
  }
  EXPECT_EQ(parts_.moderation.reviews.last().message().text().text(), "hi");
  parts_.Accept(3);
  EXPECT_THAT(parts_.Published(), ElementsAre("hi"));
  EXPECT_THAT(client_.seen, IsEmpty());
}

TEST_F(SessionMessagesTest, TellsWhenModerationCanNotJudge) {
  parts_.HoldReviews();
  client_.ShowImage();
  parts_.moderation.reviews.AnswerLast(absl::ResourceExhaustedError("too many images"));
  tests::Settle(parts_.loop);
  client_.Say("hi");
  parts_.moderation.reviews.AnswerLast(absl::InternalError("broken"));
  tests::Settle(parts_.loop);
  EXPECT_THAT(client_.seen,
              ElementsAre("!image: not delivered, too many are being worked on; try again",
                          "!text: not delivered, the server can't check it now; try again"));
  EXPECT_THAT(parts_.Published(), IsEmpty());
}

TEST_F(SessionMessagesTest, ShowsRepliesOnceTheClientHasNamedTheKey) {
  chat::v1::ChatMessage reply = tests::TextMessage("yes");
  reply.set_in_reply_to_id("0b8de8a7-ff1f-4bb6-a9d1-1d0b4dbb2a11");
  parts_.Happen(reply);
  EXPECT_THAT(client_.json.back(), testing::Not(HasSubstr("in_reply_to_id")));
  client_.Send(R"({"type":"text","author":"Ada","text":"hi","in_reply_to_id":null})");
  parts_.Happen(reply);
  EXPECT_THAT(client_.json.back(), HasSubstr("in_reply_to_id"));
}

TEST_F(SessionMessagesTest, TakesNoMoreThanItsBoundUntilSomeAreDealtWith) {
  parts_.HoldReviews();
  for (size_t i = 0; i < Outbox::kMaxMessages; ++i) {
    ASSERT_TRUE(client_.session().CanTakeMore()) << i;
    client_.Say(i < 2 ? Long('a') : "hi");
  }
  EXPECT_FALSE(client_.session().CanTakeMore());
  EXPECT_EQ(client_.resumed, 0);
  parts_.Accept(1);
  EXPECT_FALSE(client_.session().CanTakeMore());
  parts_.Accept(0);
  EXPECT_TRUE(client_.session().CanTakeMore());
  EXPECT_EQ(client_.resumed, 1);
}

TEST_F(SessionMessagesTest, BoundsTheBytesThatWaitForReview) {
  parts_.HoldReviews();
  client_.Say(std::string(Outbox::kMaxBytes / 2, 'x'));
  EXPECT_TRUE(client_.session().CanTakeMore());
  client_.Say(std::string(Outbox::kMaxBytes / 2, 'x'));
  EXPECT_FALSE(client_.session().CanTakeMore());
}

TEST_F(SessionMessagesTest, TakesNoMoreWhileTooMuchIsOnItsWay) {
  parts_.HoldPublishes();
  for (size_t i = 0; i < Session::kMaxUnacknowledged; ++i) {
    ASSERT_TRUE(client_.session().CanTakeMore()) << i;
    client_.Say(Long('x'));
  }
  EXPECT_FALSE(client_.session().CanTakeMore());
  parts_.AnswerPublish();
  EXPECT_TRUE(client_.session().CanTakeMore());
  EXPECT_EQ(client_.resumed, 1);
}

TEST_F(SessionMessagesTest, PublishesWhatIsAloneBeforeItsThreadHearsOfTheVerdict) {
  parts_.HoldReviews();
  parts_.HoldPublishes();
  client_.Say("hi");
  EXPECT_TRUE(client_.session().HasUnderWay());
  parts_.BringVerdict(0);
  EXPECT_THAT(parts_.Published(), ElementsAre("hi"));
  tests::Settle(parts_.loop);
  EXPECT_THAT(parts_.Published(), ElementsAre("hi"));
  EXPECT_EQ(parts_.traffic.under_way, 1u);
  EXPECT_TRUE(client_.session().HasUnderWay());
  parts_.AnswerPublish();
  EXPECT_EQ(parts_.traffic.under_way, 0u);
  EXPECT_THAT(client_.seen, IsEmpty());
}

TEST_F(SessionMessagesTest, OutcomeMayComeBeforeTheVerdictIsHeardOf) {
  parts_.HoldReviews();
  client_.Say("hi");
  parts_.BringVerdict(0);  // is published, and acknowledged at once
  tests::Settle(parts_.loop);
  EXPECT_EQ(parts_.traffic.under_way, 0u);
  EXPECT_TRUE(client_.session().CanTakeMore());
  client_.Say("again");
  parts_.Accept(1);
  EXPECT_THAT(parts_.Published(), ElementsAre("hi", "again"));
  EXPECT_THAT(client_.seen, IsEmpty());
}

TEST_F(SessionMessagesTest, WhatIsNotAloneWaitsForItsTurn) {
  parts_.HoldReviews();
  client_.Say("one");
  client_.Say(Long('2'));
  parts_.BringVerdict(1);
  EXPECT_THAT(parts_.Published(), IsEmpty());
  tests::Settle(parts_.loop);
  EXPECT_THAT(parts_.Published(), IsEmpty());
  parts_.BringVerdict(0);
  EXPECT_THAT(parts_.Published(), ElementsAre("one"));
  tests::Settle(parts_.loop);
  EXPECT_THAT(parts_.Published(), ElementsAre("one", Long('2')));
}

TEST_F(SessionMessagesTest, NicknameIsNotClaimedBeforeItsThreadHearsOfTheVerdict) {
  parts_.HoldReviews();
  parts_.HoldClaims();
  client_.Claim("ada");
  parts_.BringVerdict(0);
  EXPECT_EQ(parts_.presence.registers.size(), 0u);
  EXPECT_THAT(parts_.Published(), IsEmpty());
  tests::Settle(parts_.loop);
  EXPECT_EQ(parts_.presence.registers.size(), 1u);
  EXPECT_THAT(parts_.Published(), IsEmpty());
}

TEST_F(SessionMessagesTest, WhatIsRefusedIsNotCountedAsPublished) {
  for (size_t i = 0; i <= Session::kMaxUnacknowledged; ++i) {
    client_.Send(R"({"type":"text","author":"Ada","text":7})");
    ASSERT_TRUE(client_.session().CanTakeMore()) << i;
  }
  EXPECT_EQ(client_.seen.size(), Session::kMaxUnacknowledged + 1);
  EXPECT_EQ(parts_.traffic.under_way, 0u);
  parts_.HoldPublishes();
  for (size_t i = 0; i < Session::kMaxUnacknowledged; ++i) {
    ASSERT_TRUE(client_.session().CanTakeMore()) << i;
    client_.Say(Long('x'));
  }
  EXPECT_FALSE(client_.session().CanTakeMore());
}

TEST_F(SessionMessagesTest, RefusesInItsTurnWhatComesFasterThanAllowed) {
  parts_.gate = MessageGate(Rate(2), nullptr);
  parts_.HoldReviews();
  Client client(parts_);
  client.Enter();
  client.seen.clear();
  client.Say("one");
  client.Say("two");
  client.Say("three");
  client.SendBinary();
  EXPECT_THAT(client.seen, IsEmpty());
  parts_.Accept(0);
  parts_.Accept(1);
  const char* refusal =
      "!message: not delivered, at most 2 per second may come from one connection";
  EXPECT_THAT(client.seen, ElementsAre(refusal, refusal));
  EXPECT_THAT(parts_.Published(), ElementsAre("one", "two"));
  EXPECT_EQ(tests::MetricValue(parts_.registry, "gischat_edge_uncompliant_total", "rate"), 2);
}

TEST_F(SessionMessagesTest, CountsWhatIsIgnoredAsWell) {
  parts_.gate = MessageGate(Rate(2), nullptr);
  Client client(parts_);
  client.Enter();
  client.Send(R"({"type":"nb_users","nb_users":5})");
  client.SendBinary();
  client.seen.clear();
  client.Send(R"({"type":"nb_users","nb_users":5})");
  ASSERT_EQ(client.seen.size(), 1u);
  EXPECT_THAT(client.seen[0], HasSubstr("at most 2 per second"));
}

TEST_F(SessionMessagesTest, SharesTheRateOfAnAddress) {
  const auto address = std::make_shared<net::SharedBucket>(Rate(3));
  parts_.gate = MessageGate(Rate(2), address);
  Client loud(parts_);
  Client quiet(parts_);
  loud.Enter();
  quiet.Enter();
  for (int i = 0; i < 10; ++i) loud.Say("loud");
  quiet.Say("quiet");
  quiet.seen.clear();
  quiet.Say("too much");
  EXPECT_THAT(parts_.Published(), ElementsAre("loud", "loud", "quiet"))
      << "what a connection says beyond its own rate counts against its neighbours";
  EXPECT_THAT(quiet.seen, ElementsAre("!message: not delivered, at most 3 per second may come from "
                                      "one address"));
  EXPECT_EQ(tests::MetricValue(parts_.registry, "gischat_edge_uncompliant_total", "address_rate"),
            1);
}

TEST_F(SessionMessagesTest, ReadsNoMoreWhileRefusalsWaitForTheirTurn) {
  parts_.gate = MessageGate(Rate(1), nullptr);
  parts_.HoldReviews();
  Client client(parts_);
  client.Enter();
  client.Say("one");
  for (size_t i = 1; i < Outbox::kMaxMessages; ++i) {
    EXPECT_TRUE(client.session().CanTakeMore());
    client.SendBinary();
  }
  EXPECT_FALSE(client.session().CanTakeMore());
  parts_.Accept(0);
  EXPECT_TRUE(client.session().CanTakeMore());
  EXPECT_EQ(client.resumed, 1);
}

TEST_F(SessionMessagesTest, MessagesHaveATraceOnlyWhenSomebodyLooks) {
  const auto sent = [this] {
    const auto batch = parts_.fanout.publishes.last();
    return batch.drafts(batch.drafts_size() - 1);
  };
  Client client(parts_);
  client.Enter();
  client.Say("nobody looks");
  EXPECT_FALSE(sent().has_trace());
  EXPECT_FALSE(parts_.moderation.reviews.last().message().has_trace());
  spdlog::set_level(spdlog::level::debug);
  client.Say("the log does");
  spdlog::set_level(spdlog::level::info);
  EXPECT_NE(sent().trace().request(), 0u);
  EXPECT_EQ(sent().trace().request(), parts_.moderation.reviews.last().message().trace().request());
}

}  // namespace
}  // namespace gischat::edge::session
