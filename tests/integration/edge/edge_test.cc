// Whole edges between real clients and real services, over TCP on both sides.
#include "edge/edge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/integration/edge/chat_client.h"
#include "tests/integration/edge/deployment.h"
#include "tests/support/wait_until.h"

namespace gischat::tests {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class EdgeTest : public ::testing::Test {
 protected:
  Services services_;
  RunningEdge one_{services_};
};

TEST_F(EdgeTest, AClientConnectsChatsAndLeaves) {
  ChatClient ada(one_.port());
  EXPECT_THAT(ada.AwaitSeen("#1"), IsEmpty());
  EXPECT_THAT(ada.head, StartsWith("HTTP/1.1 101 "));
  ada.Claim("Ada");
  EXPECT_THAT(ada.AwaitSeen("+Ada"), IsEmpty());
  EXPECT_THAT(ChatClient::Get(one_.port(), "/channel/QGIS/users"), EndsWith("[\"Ada\"]"));
  ada.Say("hello");
  EXPECT_THAT(ada.AwaitSeen("hello"), IsEmpty());

  ChatClient bob(one_.port());
  EXPECT_THAT(bob.AwaitSeen("#2"), ElementsAre("hello"));
  EXPECT_THAT(ada.AwaitSeen("#2"), IsEmpty());
  EXPECT_THAT(ChatClient::Get(one_.port(), "/status"),
              HasSubstr(R"("healthy":true,"channels":[{"name":"QGIS","nb_connected_users":2})"));
  ada.Close();
  EXPECT_THAT(bob.AwaitSeen("-Ada"), IsEmpty());
  EXPECT_THAT(bob.AwaitSeen("#1"), IsEmpty());
  EXPECT_THAT(ChatClient::Get(one_.port(), "/channel/QGIS/users"), EndsWith("[]"));
}

TEST_F(EdgeTest, BothDialectsMeetInOnePlace) {
  ChatClient channels(one_.port());
  channels.AwaitSeen("#1");
  ChatClient rooms(one_.port(), "/room/QGIS/ws");
  rooms.AwaitSeen("#2");
  channels.AwaitSeen("#2");
  channels.Send(R"({"type":"script","author":"Ada","name":"clip","raw_pycode":""})");
  channels.Say("from a channel");
  EXPECT_THAT(rooms.AwaitSeen("from a channel"), IsEmpty()) << "a script was shown";
  EXPECT_EQ(rooms.json.back(),
            R"({"type":"text","author":"Ada","avatar":null,"text":"from a channel"})");
  rooms.Say("from a room");
  EXPECT_THAT(channels.AwaitSeen("from a room"), ElementsAre("script clip", "from a channel"));
  EXPECT_THAT(channels.json.back(), StartsWith(R"({"type":"text","id":")"));
}

TEST_F(EdgeTest, TextOfAScriptReachesEverybody) {
  ChatClient ada(one_.port());
  ada.AwaitSeen("#1");
  const std::string body = R"({"author":"robot","text":"beep"})";
  const std::string answer =
      ChatClient::Fetch(one_.port(),
                        "PUT /channel/QGIS/text HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                        "Content-Type: application/json\r\nContent-Length: " +
                            std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  ada.AwaitSeen("beep");
  EXPECT_THAT(answer, EndsWith("\r\n\r\n" + ada.json.back()));
  EXPECT_THAT(ChatClient::Get(one_.port(), "/channel/QGIS/last"),
              EndsWith("\r\n\r\n[" + ada.json.back() + "]"));
}

TEST_F(EdgeTest, ImagesAreLookedAt) {
  ChatClient ada(one_.port());
  ada.AwaitSeen("#1");
  ada.Send(R"({"type":"image","author":"Ada","image_data":"bm8gaW1hZ2U="})");
  ada.AwaitSeen("!Invalid or oversized image data.");
  ada.Send(
      R"({"type":"image","author":"Ada","image_data":"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAf)"
      R"(FcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="})");
  ASSERT_TRUE(ada.Await([&] { return !ada.seen.empty(); }));
  EXPECT_THAT(ada.json.back(), StartsWith(R"({"type":"image","id":")"));
  EXPECT_THAT(ada.json.back(), HasSubstr(R"("image_data":"iVBOR)"));
}

TEST_F(EdgeTest, RefusesUpgradesThatItCanNotServe) {
  ChatClient lost(one_.port(), "/channel/nope/ws");
  ASSERT_TRUE(lost.Await([&] { return lost.ended(); }));
  EXPECT_THAT(lost.head, StartsWith("HTTP/1.1 403 Forbidden\r\n"));
  EXPECT_THAT(ChatClient::Fetch(one_.port(),
                                "GET /channel/QGIS/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                                "Connection: Upgrade\r\n\r\n"),
              StartsWith("HTTP/1.1 4"));
  ChatClient found(one_.port());
  EXPECT_THAT(found.AwaitSeen("#1"), IsEmpty()) << "somebody refused is counted";
}

TEST_F(EdgeTest, RefusesAPortThatIsTaken) {
  EXPECT_EQ(RunningEdge::TryToStart(services_, one_.port()).code(), absl::StatusCode::kUnavailable);
}

TEST_F(EdgeTest, IsHealthyOnceTheServicesAnswer) {
  EXPECT_TRUE(WaitUntil([&] { return one_.edge().Health().ok(); })) << one_.edge().Health();
}

class TwoEdgesTest : public EdgeTest {
 protected:
  static prometheus::ClientMetric::Histogram Delivery(RunningEdge& edge) {
    for (const prometheus::MetricFamily& family : edge.metrics().Collect()) {
      if (family.name == "gischat_edge_delivery_seconds") return family.metric[0].histogram;
    }
    return {};
  }

  RunningEdge two_{services_};
};

TEST_F(TwoEdgesTest, CountTogetherAndKeepNicknamesUnique) {
  ChatClient ada(one_.port());
  ada.AwaitSeen("#1");
  ChatClient bob(two_.port());
  bob.AwaitSeen("#2");
  ada.AwaitSeen("#2");
  ada.Claim("Ada");
  ada.AwaitSeen("+Ada");
  bob.AwaitSeen("+Ada");
  bob.Claim("Ada");
  bob.AwaitSeen("!User 'Ada' already registered in channel QGIS");
  bob.Claim("Bob");
  ada.AwaitSeen("+Bob");
  bob.AwaitSeen("+Bob");
  ada.Send(R"({"type":"like","liker_author":"Ada","liked_author":"Bob","message":"hi"})");
  bob.AwaitSeen("*Bob");
  ada.Say("end");
  EXPECT_THAT(ada.AwaitSeen("end"), IsEmpty()) << "saw what is not its own";
}

TEST_F(TwoEdgesTest, ListANicknameAsSoonAsItIsHeard) {
  ChatClient ada(one_.port());
  ada.AwaitSeen("#1");
  ChatClient bob(two_.port());
  bob.AwaitSeen("#2");
  for (int i = 0; i < 50; ++i) {
    const std::string name = "Ada" + std::to_string(i);
    ada.Claim(name);
    ada.AwaitSeen("+" + name);
    EXPECT_THAT(ChatClient::Get(one_.port(), "/channel/QGIS/users"),
                EndsWith("[\"" + name + "\"]"));
    bob.AwaitSeen("+" + name);
    EXPECT_THAT(ChatClient::Get(two_.port(), "/room/QGIS/users"), EndsWith("[\"" + name + "\"]"));
  }
}

TEST_F(TwoEdgesTest, ShowEverybodyTheSameOrder) {
  constexpr int kMessages = 300;
  ChatClient ada(one_.port());
  ada.AwaitSeen("#1");
  ChatClient bob(two_.port());
  bob.AwaitSeen("#2");
  ada.AwaitSeen("#2");
  for (int i = 0; i < kMessages; ++i) {
    ada.Say("a" + std::to_string(i));
    bob.Say("b" + std::to_string(i));
  }
  const auto all_seen = [](const ChatClient& client) {
    return client.seen.size() == 2 * kMessages;
  };
  ASSERT_TRUE(ada.Await([&] { return all_seen(ada); })) << ada.seen.size();
  ASSERT_TRUE(bob.Await([&] { return all_seen(bob); })) << bob.seen.size();
  EXPECT_EQ(ada.seen, bob.seen);
  std::vector<std::string> of_ada;
  for (const std::string& word : ada.seen) {
    if (word[0] == 'a') of_ada.push_back(word);
  }
  ASSERT_EQ(of_ada.size(), static_cast<size_t>(kMessages));
  for (int i = 0; i < kMessages; ++i)
    EXPECT_EQ(of_ada[static_cast<size_t>(i)], "a" + std::to_string(i));
}

TEST_F(TwoEdgesTest, TimeTheDeliveryOfWhatTheirOwnClientsSay) {
  constexpr uint64_t kMessages = 40;
  ChatClient ada(one_.port());
  ada.AwaitSeen("#1");
  ChatClient bob(two_.port());
  bob.AwaitSeen("#2");
  ada.Claim("Ada");
  bob.AwaitSeen("+Ada");
  for (uint64_t i = 0; i < kMessages; ++i) {
    ada.Say("a" + std::to_string(i));
    bob.AwaitSeen("a" + std::to_string(i));
  }
  ASSERT_TRUE(WaitUntil([&] { return Delivery(one_).sample_count >= kMessages; }));
  EXPECT_EQ(Delivery(two_).sample_count, 0U);
  const std::string body = R"({"author":"robot","text":"beep"})";
  ChatClient::Fetch(two_.port(),
                    "PUT /channel/QGIS/text HTTP/1.1\r\nHost: x\r\n"
                    "Connection: close\r\nContent-Type: application/json\r\n"
                    "Content-Length: " +
                        std::to_string(body.size()) + "\r\n\r\n" + body);
  ASSERT_TRUE(WaitUntil([&] { return Delivery(two_).sample_count == 1; }));
  EXPECT_EQ(Delivery(one_).sample_count, kMessages);
  for (RunningEdge* edge : {&one_, &two_}) {
    const auto delivery = Delivery(*edge);
    EXPECT_GT(delivery.sample_sum, 0);
    EXPECT_LT(delivery.sample_sum, 5.0 * static_cast<double>(delivery.sample_count));
  }
}

TEST_F(TwoEdgesTest, OneGoesAwayAndTakesNobodyAlong) {
  ChatClient ada(one_.port());
  ada.AwaitSeen("#1");
  ChatClient bob(two_.port());
  bob.AwaitSeen("#2");
  ada.Claim("Ada");
  bob.AwaitSeen("+Ada");
  std::thread stopping([&] { one_.Stop(); });
  EXPECT_TRUE(ada.Await([&] { return ada.ended(); }));
  ada.Close();
  stopping.join();
  EXPECT_EQ(ada.close_code, 1001);
  bob.AwaitSeen("#1");
  EXPECT_THAT(ChatClient::Get(two_.port(), "/channel/QGIS/users"), EndsWith("[]"));
  bob.Say("still here");
  bob.AwaitSeen("still here");
}

}  // namespace
}  // namespace gischat::tests
