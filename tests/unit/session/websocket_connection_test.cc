#include "edge/session/websocket_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "edge/session/reviewer.h"
#include "tests/unit/session/websocket_peer.h"

namespace gischat::edge::session {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

class WebSocketTest : public WebSocketFixture {
 protected:
  // So long that it is reviewed by itself, whatever else is under way.
  static std::string Long(const std::string& words) {
    return words + std::string(Reviewer::kPromptBytes, '.');
  }
};

TEST_F(WebSocketTest, AnswersTheHandshakeThenShowsTheChannel) {
  parts_.Snapshot({"one"});
  Peer& peer = Open();
  peer.tcp().Read();
  ASSERT_TRUE(peer.AwaitSeen("#1"));
  EXPECT_THAT(peer.head, HasSubstr("HTTP/1.1 101 "));
  EXPECT_THAT(peer.head, HasSubstr("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
  EXPECT_THAT(peer.head, HasSubstr("Server: gischat/"));
  EXPECT_THAT(peer.seen, ElementsAre("one", "#1"));
}

TEST_F(WebSocketTest, TakesMessagesAndShowsWhatHappens) {
  Peer& peer = Enter();
  peer.SendText(Text("hi"));
  ASSERT_TRUE(peer.Await([&] { return !parts_.Published().empty(); }));
  EXPECT_THAT(parts_.Published(), ElementsAre("hi"));
  parts_.Happen(tests::TextMessage("live"));
  EXPECT_TRUE(peer.AwaitSeen("live"));
}

TEST_F(WebSocketTest, ReadsWhatWasSentRightBehindTheRequest) {
  const std::string second = tests::ClientFrame(1, Text("two"));
  Peer& peer = Open(tests::ClientFrame(1, Text("one")) + second.substr(0, 5));
  peer.tcp().Send(second.substr(5));
  peer.tcp().Read();
  ASSERT_TRUE(peer.Await([&] { return parts_.Published().size() == 2; }));
  EXPECT_THAT(parts_.Published(), ElementsAre("one", "two"));
}

TEST_F(WebSocketTest, JoinsFragmentsAndAnswersPingsBetweenThem) {
  Peer& peer = Enter();
  const std::string text = Text("in pieces");
  peer.Send(1, text.substr(0, 10), false);
  peer.Send(9, "are you there?");
  peer.Send(0, text.substr(10, 5), false);
  peer.Send(0, "", false);
  peer.Send(0, text.substr(15), true);
  ASSERT_TRUE(peer.Await([&] { return !parts_.Published().empty() && !peer.pongs.empty(); }));
  EXPECT_THAT(parts_.Published(), ElementsAre("in pieces"));
  EXPECT_THAT(peer.pongs, ElementsAre("are you there?"));
}

TEST_F(WebSocketTest, RefusesBinaryAndEmptyFramesAndGoesOn) {
  Peer& peer = Enter();
  peer.Send(2, Text("binary"));
  ASSERT_TRUE(peer.AwaitSeen("!message: must be text, not binary"));
  peer.SendText("");
  ASSERT_TRUE(peer.AwaitSeen("!message: must be one JSON object (unexpected end of the text)"));
  peer.SendText(Text("hi"));
  EXPECT_TRUE(peer.Await([&] { return !parts_.Published().empty(); }));
}

TEST_F(WebSocketTest, TakesMessagesHoweverTheyArrive) {
  using tests::ClientFrame;
  const std::string all = ClientFrame(1, Text("one")) + ClientFrame(9, "") + ClientFrame(1, "") +
                          ClientFrame(1, "x") + ClientFrame(10, "pong") +
                          ClientFrame(1, Text("two"));
  for (const size_t piece : {all.size(), size_t{1}, size_t{7}}) {
    SCOPED_TRACE(piece);
    const size_t before = parts_.Published().size();
    Peer& peer = Enter();
    for (size_t at = 0; at < all.size(); at += piece) {
      peer.tcp().Send(all.substr(at, piece));
      tests::Settle(parts_.loop);
    }
    ASSERT_TRUE(peer.Await([&] { return parts_.Published().size() == before + 2; }));
    EXPECT_EQ(parts_.Published()[before], "one");
    EXPECT_EQ(parts_.Published()[before + 1], "two");
    EXPECT_THAT(peer.pongs, ElementsAre(""));
    const auto is_refusal = [](const std::string& seen) { return seen[0] == '!'; };
    EXPECT_TRUE(peer.Await([&] { return std::ranges::count_if(peer.seen, is_refusal) == 2; }));
  }
}

TEST_F(WebSocketTest, TakesAMessageOfTheLargestSize) {
  Peer& peer = Enter();
  std::string text = Text("x");
  text.append(kMaxMessageBytes - text.size(), ' ');
  std::string frame = tests::ClientFrame(1, text);
  // In pieces, since nobody reads while the test writes.
  for (size_t at = 0; at < frame.size(); at += 100'000) {
    peer.tcp().Send(std::string_view(frame).substr(at, 100'000));
    tests::Settle(parts_.loop);
  }
  EXPECT_TRUE(peer.Await([&] { return !parts_.Published().empty(); }));
}

TEST_F(WebSocketTest, ClosesAMessageThatIsTooLargeBeforeItHasCome) {
  Peer& peer = Enter();
  std::string header = "\x81\xff";
  const uint64_t size = kMaxMessageBytes + 1;
  for (int shift = 56; shift >= 0; shift -= 8) header.push_back(static_cast<char>(size >> shift));
  peer.tcp().Send(header + "mask" + std::string(1000, 'x'));
  EXPECT_EQ(peer.AwaitClose(), 1009);
  EXPECT_TRUE(peer.AwaitEnd());
}

TEST_F(WebSocketTest, ClosesFragmentsThatAreTooLargeTogether) {
  Peer& peer = Enter();
  const std::string half(kMaxMessageBytes / 2 + 1, ' ');
  for (const int opcode : {1, 0}) {
    const std::string frame = tests::ClientFrame(opcode, half, false);
    for (size_t at = 0; at < frame.size() && !peer.tcp().ended(); at += 100'000) {
      peer.tcp().Send(std::string_view(frame).substr(at, 100'000));
      tests::Settle(parts_.loop);
    }
  }
  EXPECT_EQ(peer.AwaitClose(), 1009);
}

TEST_F(WebSocketTest, ClosesWhatIsNotUtf8) {
  Peer& peer = Enter();
  peer.SendText("{\"type\":\"\xff\"}");
  EXPECT_EQ(peer.AwaitClose(), 1007);
  EXPECT_TRUE(peer.AwaitEnd());
}

TEST_F(WebSocketTest, ClosesWhatBreaksTheProtocol) {
  for (const std::string& bytes : {
           std::string("\x81\x02hi"),               // not masked
           std::string("\xC1\x80mask"),             // a reserved bit
           std::string("\x83\x80mask"),             // a reserved opcode
           std::string("\x80\x80mask"),             // goes on with nothing
           std::string("\x09\x80mask"),             // a ping in fragments
           std::string("\x89\xFE\x00\x7Emask", 8),  // a ping that is too long
       }) {
    Peer& peer = Enter();
    peer.tcp().Send(bytes);
    EXPECT_EQ(peer.AwaitClose(), 1002);
    EXPECT_TRUE(peer.AwaitEnd());
  }
}

TEST_F(WebSocketTest, AnswersAClose) {
  Peer& peer = Enter();
  peer.answers_close = false;
  peer.Send(8, "\x03\xe8");
  EXPECT_EQ(peer.AwaitClose(), 1000);
  EXPECT_TRUE(peer.AwaitEnd());
  EXPECT_FALSE(peer.tcp().was_reset());
  EXPECT_EQ(parts_.hub.member_count(), 0u);
  EXPECT_TRUE(peer.Await([&] { return parts_.Reported() == 0; }));
}

TEST_F(WebSocketTest, TakesWhatWasSaidBeforeAClose) {
  Peer& peer = Enter();
  peer.tcp().Send(tests::ClientFrame(1, Text("last words")) + tests::ClientFrame(8, "\x03\xe8"));
  EXPECT_EQ(peer.AwaitClose(), 1000);
  EXPECT_TRUE(peer.Await([&] { return !parts_.Published().empty(); }));
  EXPECT_THAT(parts_.Published(), ElementsAre("last words"));
}

TEST_F(WebSocketTest, SurvivesAnEndAtAnyMoment) {
  const std::string conversation = tests::ClientFrame(1, "{\"type\":\"nb", false) +
                                   tests::ClientFrame(9, "ping") +
                                   tests::ClientFrame(0, "_users\"}", true) +
                                   tests::ClientFrame(2, "x") + tests::ClientFrame(8, "\x03\xe8");
  for (const bool reset : {false, true}) {
    for (size_t bytes = 0; bytes <= conversation.size(); ++bytes) {
      SCOPED_TRACE(bytes);
      Peer& peer = Enter();
      peer.tcp().Send(conversation.substr(0, bytes));
      tests::Settle(parts_.loop);
      if (reset) {
        peer.tcp().Reset();
      } else {
        peer.tcp().Close();
      }
      ASSERT_TRUE(tests::RunUntil(parts_.loop, [&] { return parts_.alive.expired(); }));
      ASSERT_EQ(parts_.hub.member_count(), 0u);
      ASSERT_TRUE(tests::RunUntil(parts_.loop, [&] { return connection_.expired(); }));
    }
  }
}

TEST_F(WebSocketTest, GoesAwayWithAReason) {
  Peer& peer = Enter();
  connection_.lock()->GoAway();
  EXPECT_EQ(peer.AwaitClose(), 1001);
  EXPECT_EQ(peer.close_reason, "server restarts");
  EXPECT_TRUE(peer.AwaitEnd());
  EXPECT_FALSE(peer.tcp().was_reset());
  EXPECT_EQ(parts_.hub.member_count(), 0u);
  EXPECT_EQ(tests::MetricValue(parts_.registry, "gischat_edge_connections_cut_total", "shutdown"),
            1);
}

TEST_F(WebSocketTest, ShowsWhatWasSaidBeforeItGoesAway) {
  parts_.HoldPublishes();
  Peer& peer = Enter();
  peer.SendText(Text("last words"));
  ASSERT_TRUE(peer.Await([&] { return !parts_.Published().empty(); }));
  connection_.lock()->GoAway();
  tests::Settle(parts_.loop);
  parts_.AnswerPublishWithPlace();
  parts_.Happen(tests::TextMessage("last words"));
  EXPECT_EQ(peer.AwaitClose(), 1001);
  EXPECT_THAT(peer.seen, Contains("last words"));
}

TEST_F(WebSocketTest, GoesAwayWhileNothingIsRead) {
  parts_.HoldReviews();
  Peer& peer = Enter();
  for (size_t i = 0; i < Outbox::kMaxMessages + 10; ++i) {
    peer.SendText(Text(Long("hi")));
    tests::Settle(parts_.loop);
  }
  ASSERT_TRUE(peer.Await([&] { return parts_.moderation.reviews.size() == Outbox::kMaxMessages; }));
  connection_.lock()->GoAway();
  EXPECT_EQ(peer.AwaitClose(), 1001);
  EXPECT_TRUE(peer.AwaitEnd());
  for (size_t i = 0; i < Outbox::kMaxMessages; ++i) parts_.Accept(i);
  EXPECT_EQ(parts_.Published().size(), Outbox::kMaxMessages);
}

TEST_F(WebSocketTest, StopsReadingWhileTooMuchWaitsAndGoesOnLater) {
  constexpr size_t kMessages = 300;
  parts_.HoldReviews();
  Peer& peer = Enter();
  const auto number = [](size_t i) { return Long(std::to_string(i)); };
  for (size_t i = 0; i < kMessages; ++i) {
    peer.SendText(Text(number(i)));
    tests::Settle(parts_.loop);
  }
  const auto& reviews = parts_.moderation.reviews;
  ASSERT_TRUE(peer.Await([&] { return reviews.size() == Outbox::kMaxMessages; }));
  tests::RunFor(parts_.loop, std::chrono::milliseconds(50));
  EXPECT_EQ(reviews.size(), Outbox::kMaxMessages);
  for (size_t i = 0; i < kMessages; ++i) {
    ASSERT_TRUE(peer.Await([&] { return reviews.size() > i; }));
    parts_.Accept(i);
  }
  ASSERT_TRUE(peer.Await([&] { return parts_.Published().size() == kMessages; }));
  EXPECT_EQ(parts_.Published().back(), number(kMessages - 1));
}

TEST_F(WebSocketTest, IsShownWhatOthersSaidBeforeItsChannelGoes) {
  Peer& peer = Enter();
  parts_.hub.Close(tests::EdgeParts::kChannel);
  connection_.lock()->GoAway(WebSocketConnection::Farewell::kChannelRemoved);
  tests::Settle(parts_.loop);
  parts_.Happen(tests::TextMessage("of somebody else"));
  EXPECT_EQ(peer.AwaitClose(), 1001);
  EXPECT_EQ(peer.close_reason, "channel removed");
  EXPECT_THAT(peer.seen, Contains("of somebody else"));
  EXPECT_EQ(tests::MetricValue(parts_.registry, "gischat_edge_connections_cut_total", "removed"),
            1);
}

TEST_F(WebSocketTest, IsNotLetInWhenItsChannelWentDuringTheUpgrade) {
  Peer& peer = Open();
  peer.tcp().Read();
  parts_.hub.Close(tests::EdgeParts::kChannel);
  EXPECT_EQ(peer.AwaitClose(), 1001);
  EXPECT_EQ(peer.close_reason, "channel removed");
  EXPECT_EQ(parts_.hub.member_count(), 0u);
  EXPECT_EQ(parts_.Reported(), 0u);
}

}  // namespace
}  // namespace gischat::edge::session
