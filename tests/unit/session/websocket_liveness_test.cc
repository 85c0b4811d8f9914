#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/time/clock.h"
#include "tests/unit/session/websocket_peer.h"

namespace gischat::edge::session {
namespace {

// Slow and silent clients.
class WebSocketLivenessTest : public WebSocketFixture {
 protected:
  // What a socket's kernel buffers can't hide.
  static constexpr int kSmallBuffer = 8192;
  static constexpr int kManyMessages = 2000;

  double Cut(const std::string& cause) {
    return tests::MetricValue(parts_.registry, "gischat_edge_connections_cut_total", cause);
  }
  double Waiting(const std::string& of_what) {
    return tests::MetricValue(parts_.registry, "gischat_edge_waiting_" + of_what);
  }
  void SayMuch() { parts_.Happen(tests::TextMessage(std::string(20'000, 'x'))); }
};

TEST_F(WebSocketLivenessTest, CutsASlowReaderOffWhileOthersGoOn) {
  limits_.queue_bytes = 500'000;
  Peer& slow = Enter(kSmallBuffer);
  Peer& fast = Enter();
  for (int i = 0; i < kManyMessages; ++i) {
    SayMuch();
    tests::Settle(parts_.loop);
  }
  EXPECT_EQ(Cut("slow"), 1);
  EXPECT_EQ(parts_.hub.member_count(), 1u);
  EXPECT_EQ(parts_.Reported(), 1u);
  parts_.Happen(tests::TextMessage("last"));
  EXPECT_TRUE(fast.AwaitSeen("last"));
  EXPECT_EQ(fast.seen.size(), static_cast<size_t>(kManyMessages) + 2);
  // Whatever the slow one does, its connection ends.
  ASSERT_TRUE(slow.Await([&] { return parts_.Reported() == 1; }));
  slow.tcp().Read();
  EXPECT_TRUE(slow.AwaitEnd());
}

TEST_F(WebSocketLivenessTest, TellsASlowReaderThatReadsAgainWhyItWasCutOff) {
  limits_.queue_bytes = 500'000;
  Peer& slow = Enter(kSmallBuffer);
  for (int i = 0; i < kManyMessages && Cut("slow") == 0; ++i) {
    SayMuch();
    tests::Settle(parts_.loop);
  }
  ASSERT_EQ(Cut("slow"), 1);
  slow.tcp().Read();
  EXPECT_EQ(slow.AwaitClose(), 1008);
  EXPECT_EQ(slow.close_reason, "reading too slowly");
}

TEST_F(WebSocketLivenessTest, CountsNoReplayAgainstASlowReader) {
  limits_.queue_bytes = 50'000;
  const std::string large(20'000, 'x');
  parts_.Snapshot({large, large, large, large, large});
  Peer& slow = Enter(kSmallBuffer);
  EXPECT_EQ(Cut("slow"), 0);
  slow.tcp().Read();
  EXPECT_TRUE(slow.AwaitSeen("#1"));
  EXPECT_EQ(slow.seen.size(), 6u);
}

TEST_F(WebSocketLivenessTest, CutsNobodyOffForOneMessageHoweverLargeItIs) {
  limits_.queue_bytes = 50'000;
  Peer& slow = Enter(kSmallBuffer);
  parts_.Happen(tests::TextMessage(std::string(8'000'000, 'x')));
  tests::Settle(parts_.loop);
  EXPECT_EQ(Cut("slow"), 0);
  slow.tcp().Read();
  ASSERT_TRUE(slow.Await([&] { return slow.seen.size() == 2; }));
  parts_.Happen(tests::TextMessage("last"));
  EXPECT_TRUE(slow.AwaitSeen("last"));
  EXPECT_EQ(Cut("slow"), 0);
}

TEST_F(WebSocketLivenessTest, CutsWhoFloodsWithPingsAndDoesNotReadThePongs) {
  limits_.queue_bytes = 500'000;
  Peer& slow = Enter(kSmallBuffer);
  std::string pings;
  for (int i = 0; i < 1000; ++i) pings += tests::ClientFrame(9, std::string(125, 'x'));
  for (int i = 0; i < 200 && Cut("slow") == 0; ++i) {
    slow.tcp().Send(pings);
    tests::Settle(parts_.loop);
  }
  EXPECT_EQ(Cut("slow"), 1);
  slow.tcp().Read();
  EXPECT_TRUE(slow.AwaitEnd());
}

TEST_F(WebSocketLivenessTest, CutsWhoFloodsWithRefusedMessagesAndDoesNotReadTheAnswers) {
  limits_.queue_bytes = 500'000;
  parts_.gate = MessageGate(net::Rate(1), nullptr);
  Peer& slow = Enter(kSmallBuffer);
  std::string messages;
  for (int i = 0; i < 1000; ++i) messages += tests::ClientFrame(1, "x");
  for (int i = 0; i < 200 && Cut("slow") == 0; ++i) {
    slow.tcp().Send(messages);
    tests::Settle(parts_.loop);
  }
  EXPECT_EQ(Cut("slow"), 1);
  slow.tcp().Read();
  EXPECT_TRUE(slow.AwaitEnd());
}

TEST_F(WebSocketLivenessTest, CountsWhoTakesNothingAndWhatWaits) {
  keepalive_.Start();
  Peer& slow = Enter(kSmallBuffer);
  Enter();
  EXPECT_EQ(Waiting("clients"), 0);
  parts_.Happen(tests::TextMessage(std::string(8'000'000, 'x')));
  ASSERT_TRUE(tests::RunUntil(parts_.loop, [&] { return Waiting("clients") == 1; }));
  EXPECT_GT(Waiting("bytes"), 8'000'000);
  slow.tcp().Read();
  ASSERT_TRUE(slow.Await([&] { return Waiting("clients") == 0; }, absl::Seconds(10)));
  EXPECT_EQ(Waiting("bytes"), 0);
  keepalive_.Stop();
}

TEST_F(WebSocketLivenessTest, CutsWhoTakesNothingForTooLong) {
  limits_.write_timeout = std::chrono::seconds(1);
  keepalive_.Start();
  Peer& stalled = Enter(kSmallBuffer);
  Peer& lively = Enter();
  // More than the kernel's buffers hold, less than the bound.
  parts_.Happen(tests::TextMessage(std::string(8'000'000, 'x')));
  ASSERT_TRUE(lively.Await([&] { return Waiting("clients") == 1; }, absl::Seconds(10)));
  ASSERT_TRUE(lively.Await([&] { return Cut("stalled") == 1; }, absl::Seconds(10)));
  EXPECT_EQ(Waiting("clients"), 0);
  EXPECT_EQ(Waiting("bytes"), 0);
  EXPECT_EQ(parts_.hub.member_count(), 1u);
  EXPECT_FALSE(lively.tcp().ended());
  stalled.tcp().Read();
  EXPECT_TRUE(stalled.AwaitEnd(absl::Seconds(5)));
  keepalive_.Stop();
}

TEST_F(WebSocketLivenessTest, TellsAStalledClientThatReadsAgainWhyItWasCutOff) {
  limits_.write_timeout = std::chrono::seconds(1);
  keepalive_.Start();
  Peer& stalled = Enter(kSmallBuffer);
  parts_.Happen(tests::TextMessage(std::string(8'000'000, 'x')));
  ASSERT_TRUE(tests::RunUntil(parts_.loop, [&] { return Cut("stalled") == 1; }));
  stalled.tcp().Read();
  EXPECT_EQ(stalled.AwaitClose(), 1008);
  EXPECT_EQ(stalled.close_reason, "not reading");
  keepalive_.Stop();
}

TEST_F(WebSocketLivenessTest, KeepsWhoTakesALittleNowAndThen) {
  limits_.write_timeout = std::chrono::seconds(1);
  keepalive_.Start();
  Peer& slow = Enter(kSmallBuffer);
  parts_.Happen(tests::TextMessage(std::string(12'000'000, 'x')));
  // Steps that are far too small for the kernel to ask for more.
  const absl::Time end = absl::Now() + absl::Milliseconds(2500);
  while (absl::Now() < end && Cut("stalled") == 0) {
    slow.tcp().ReadUpTo(100'000);
    tests::RunFor(parts_.loop, std::chrono::milliseconds(50));
  }
  EXPECT_EQ(Cut("stalled"), 0);
  EXPECT_EQ(parts_.hub.member_count(), 1u);
  keepalive_.Stop();
}

TEST_F(WebSocketLivenessTest, DropsTheSilentAndKeepsThoseWhoAnswerPings) {
  limits_.pong_timeout = std::chrono::seconds(1);
  keepalive_.Start();
  Peer& silent = Enter();
  silent.answers_pings = false;
  Peer& lively = Enter();
  ASSERT_TRUE(lively.Await([&] { return silent.tcp().ended(); }, absl::Seconds(10)));
  EXPECT_EQ(Cut("silent"), 1);
  EXPECT_EQ(parts_.hub.member_count(), 1u);
  const int pings = lively.pings;
  ASSERT_TRUE(lively.Await([&] { return lively.pings >= pings + 2; }, absl::Seconds(10)));
  EXPECT_FALSE(lively.tcp().ended());
  keepalive_.Stop();
}

TEST_F(WebSocketLivenessTest, KeepsThoseWhoTalkWithoutAnsweringPings) {
  limits_.pong_timeout = std::chrono::seconds(1);
  keepalive_.Start();
  Peer& talker = Enter();
  talker.answers_pings = false;
  while (talker.pings < 3 && !talker.tcp().ended()) {
    talker.SendText(Text("hi"));
    talker.Await([] { return true; });
    tests::RunFor(parts_.loop, std::chrono::milliseconds(200));
  }
  EXPECT_FALSE(talker.tcp().ended());
  keepalive_.Stop();
}

TEST_F(WebSocketLivenessTest, ResetsWhoDoesNotAnswerItsClose) {
  Peer& stubborn = Enter();
  stubborn.answers_close = false;
  connection_.lock()->GoAway();
  EXPECT_EQ(stubborn.AwaitClose(), 1001);
  EXPECT_TRUE(stubborn.AwaitEnd(absl::Seconds(7)));
}

}  // namespace
}  // namespace gischat::edge::session
