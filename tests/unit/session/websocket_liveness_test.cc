#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

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
