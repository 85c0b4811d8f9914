#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "edge/session/websocket_connection.h"
#include "tests/unit/session/websocket_peer.h"

namespace gischat::edge::session {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using tests::kDeflatedBit;

class WebSocketDeflateTest : public WebSocketFixture {
 protected:
  WebSocketDeflateTest() { extensions_ = "permessage-deflate; client_max_window_bits"; }

  // In pieces, since nobody reads while the test writes.
  void SendSlowly(Peer& peer, std::string_view bytes) {
    for (; !bytes.empty() && !peer.tcp().ended();
         bytes.remove_prefix(std::min<size_t>(bytes.size(), 100'000))) {
      peer.tcp().Send(bytes.substr(0, 100'000));
      tests::Settle(parts_.loop);
    }
  }

  const std::string large_ = std::string(5000, 'x');
};

TEST_F(WebSocketDeflateTest, AnswersAnOffer) {
  Peer& peer = Enter();
  ASSERT_TRUE(peer.AwaitSeen("#1"));
  EXPECT_THAT(peer.head, HasSubstr("HTTP/1.1 101 "));
  EXPECT_THAT(peer.head, HasSubstr("Server: gischat/"));
  EXPECT_THAT(peer.head, HasSubstr("Sec-WebSocket-Extensions: permessage-deflate; "
                                   "server_no_context_takeover; client_no_context_takeover\r\n"));
}

TEST_F(WebSocketDeflateTest, DoesNotAnswerWhatItDoesNotTake) {
  for (const char* offer : {"", "permessage-deflate; unknown", "foo"}) {
    extensions_ = offer;
    Peer& peer = Enter();
    parts_.Happen(tests::TextMessage(large_));
    ASSERT_TRUE(peer.AwaitSeen(large_));
    EXPECT_THAT(peer.head, Not(HasSubstr("Extensions")));
    EXPECT_EQ(peer.deflated, 0);
    peer.Send(1 | kDeflatedBit, tests::Deflated(Text("hi")));
    EXPECT_EQ(peer.AwaitClose(), 1002);
    EXPECT_TRUE(peer.AwaitEnd());
  }
}

TEST_F(WebSocketDeflateTest, IsNotOfferedWhenItIsOff) {
  may_compress_ = false;
  Peer& peer = Enter();
  parts_.Happen(tests::TextMessage(large_));
  ASSERT_TRUE(peer.AwaitSeen(large_));
  EXPECT_THAT(peer.head, Not(HasSubstr("Extensions")));
  EXPECT_EQ(peer.deflated, 0);
}

TEST_F(WebSocketDeflateTest, ShowsLargeMessagesCompressedAndSmallOnesNot) {
  parts_.Snapshot({large_ + "stored"});
  Peer& peer = Enter();
  ASSERT_TRUE(peer.AwaitSeen("#1"));
  EXPECT_EQ(peer.deflated, 1) << "the replay";
  parts_.Happen(tests::TextMessage("small"));
  parts_.Happen(tests::TextMessage(large_));
  ASSERT_TRUE(peer.AwaitSeen(large_));
  EXPECT_THAT(peer.seen, ElementsAre(large_ + "stored", "#1", "small", large_));
  EXPECT_EQ(peer.deflated, 2);
}

TEST_F(WebSocketDeflateTest, TakesCompressedAndPlainMessages) {
  Peer& peer = Enter();
  peer.SendDeflated(Text("one"));
  peer.SendText(Text("two"));
  peer.SendDeflated(Text("three"));
  ASSERT_TRUE(peer.Await([&] { return parts_.Published().size() == 3; }));
  EXPECT_THAT(parts_.Published(), ElementsAre("one", "two", "three"));
}

TEST_F(WebSocketDeflateTest, ReadsWhatWasSentCompressedRightBehindTheRequest) {
  const std::string frame = tests::ClientFrame(1 | kDeflatedBit, tests::Deflated(Text("one")));
  Peer& peer = Open(frame.substr(0, 5));
  peer.tcp().Send(frame.substr(5));
  peer.tcp().Read();
  ASSERT_TRUE(peer.Await([&] { return !parts_.Published().empty(); }));
  EXPECT_THAT(parts_.Published(), ElementsAre("one"));
}

TEST_F(WebSocketDeflateTest, TakesCompressedFragmentsByteByByte) {
  const std::string text = Text("in pieces " + large_);
  const std::string data = tests::Deflated(text);
  Peer& peer = Enter();
  const std::string bytes = tests::ClientFrame(1 | kDeflatedBit, data.substr(0, 3), false) +
                            tests::ClientFrame(9, "there?") +
                            tests::ClientFrame(0, data.substr(3), false) +
                            tests::ClientFrame(0, "");
  for (const char byte : bytes) {
    peer.tcp().Send({&byte, 1});
    tests::Settle(parts_.loop);
  }
  ASSERT_TRUE(peer.Await([&] { return !parts_.Published().empty(); }));
  EXPECT_THAT(parts_.Published(), ElementsAre("in pieces " + large_));
  EXPECT_THAT(peer.pongs, ElementsAre("there?"));
}

TEST_F(WebSocketDeflateTest, TakesMessagesOneAfterTheOtherWithoutLosingItsPlace) {
  constexpr size_t kMessages = 1000;
  Peer& peer = Enter();
  for (size_t i = 0; i < kMessages; ++i) {
    peer.SendDeflated(Text(std::to_string(i) + std::string(i * 37 % 3000, 'x')));
    if (i % 50 == 49) tests::Settle(parts_.loop);
  }
  EXPECT_TRUE(peer.Await([&] { return parts_.Published().size() == kMessages; }));
}

TEST_F(WebSocketDeflateTest, TakesAMessageOfTheLargestSize) {
  std::string text = Text("x");
  text.append(kMaxMessageBytes - text.size(), ' ');
  Peer& peer = Enter();
  SendSlowly(peer, tests::ClientFrame(1 | kDeflatedBit, tests::Deflated(text)));
  EXPECT_TRUE(peer.Await([&] { return !parts_.Published().empty(); }));
}

TEST_F(WebSocketDeflateTest, ClosesABomb) {
  std::string text = Text("x");
  text.append(kMaxMessageBytes - text.size() + 1, ' ');
  const std::string data = tests::Deflated(text, 9);
  ASSERT_LT(data.size(), 20'000u);
  Peer& witness = Enter();
  Peer& whole = Enter();
  whole.Send(1 | kDeflatedBit, data);
  EXPECT_EQ(whole.AwaitClose(), 1009);
  EXPECT_TRUE(whole.AwaitEnd());
  Peer& parted = Enter();
  parted.Send(1 | kDeflatedBit, data.substr(0, 1000), false);
  parted.Send(0, data.substr(1000));
  EXPECT_EQ(parted.AwaitClose(), 1009);
  EXPECT_TRUE(parted.AwaitEnd());
  witness.SendText(Text("hi"));
  EXPECT_TRUE(witness.Await([&] { return !parts_.Published().empty(); }));
}

TEST_F(WebSocketDeflateTest, ClosesWhatCanNotBeInflated) {
  for (const int opcode : {1, 2}) {
    Peer& peer = Enter();
    peer.Send(opcode | kDeflatedBit, "no deflated data");
    EXPECT_EQ(peer.AwaitClose(), 1002);
    EXPECT_TRUE(peer.AwaitEnd());
  }
}

TEST_F(WebSocketDeflateTest, ClosesWhatIsNotUtf8InTheEnd) {
  for (const std::string& text : {std::string("\xff"), large_ + "\xe2\x82"}) {
    Peer& peer = Enter();
    peer.SendDeflated(text);
    EXPECT_EQ(peer.AwaitClose(), 1007);
    EXPECT_TRUE(peer.AwaitEnd());
  }
}

TEST_F(WebSocketDeflateTest, RefusesBinaryAndGoesOn) {
  Peer& peer = Enter();
  peer.Send(2 | kDeflatedBit, tests::Deflated("\xff"));
  ASSERT_TRUE(peer.AwaitSeen("!message: must be text, not binary"));
  EXPECT_EQ(peer.deflated, 0);
  peer.SendDeflated(Text("hi"));
  EXPECT_TRUE(peer.Await([&] { return !parts_.Published().empty(); }));
}

TEST_F(WebSocketDeflateTest, SurvivesAnEndAtAnyMoment) {
  const std::string conversation =
      tests::ClientFrame(1 | kDeflatedBit, tests::Deflated(R"({"type":"nb_users"})")) +
      tests::ClientFrame(8, "\x03\xe8");
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
      ASSERT_TRUE(tests::RunUntil(parts_.loop, [&] { return connection_.expired(); }));
    }
  }
}

}  // namespace
}  // namespace gischat::edge::session
