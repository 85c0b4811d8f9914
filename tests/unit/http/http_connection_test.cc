#include "edge/http/http_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/http/serving.h"

namespace gischat::edge::http {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr char kClose[] = "Connection: close\r\n\r\n";

class HttpConnectionTest : public ServingFixture {};

TEST_F(HttpConnectionTest, AnswersARequest) {
  const std::string answer =
      Converse(std::string("GET /channels HTTP/1.1\r\nHost: x\r\n") + kClose);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Type: application/json\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nCache-Control: no-store\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nServer: gischat/"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n[\"QGIS\",\"Geo \\\"tribu\\\"\",\"Été\"]"));
}

TEST_F(HttpConnectionTest, ServesOneRequestAfterTheOther) {
  tests::TcpClient& client = Connect();
  for (int i = 0; i < 3; ++i) {
    client.received().clear();
    client.Send("GET /version HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(Await(client, "\"}"), StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_FALSE(client.ended());
  }
  client.Send(PutOf(R"({"author":"Ada","text":"hi"})"));
  EXPECT_THAT(Await(client, "\"hi\""), HasSubstr("200 OK"));
  EXPECT_FALSE(client.ended());
}

TEST_F(HttpConnectionTest, AnswersPipelinedRequestsInOrder) {
  const std::string answers = Converse(
      "GET /version HTTP/1.1\r\nHost: x\r\n\r\n" + PutOf(R"({"author":"Ada","text":"hi"})") +
      "HEAD /rules HTTP/1.1\r\nHost: x\r\n\r\nGET /channels HTTP/1.1\r\nHost: x\r\n" + kClose);
  const size_t version = answers.find("{\"version\"");
  const size_t text = answers.find("{\"type\":\"text\"");
  const size_t channels = answers.find("[\"QGIS\"");
  EXPECT_LT(version, text);
  EXPECT_LT(text, channels);
  EXPECT_NE(channels, std::string::npos);
  EXPECT_THAT(parts_.Published(), ElementsAre("hi"));
}

TEST_F(HttpConnectionTest, ReadsARequestThatComesByteByByte) {
  tests::TcpClient& client = Connect();
  for (const char byte : PutOf(R"({"author":"Ada","text":"hi"})")) {
    client.Send(std::string(1, byte));
    tests::Settle(parts_.loop);
  }
  EXPECT_THAT(Await(client, "\"hi\""), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(HttpConnectionTest, ClosesAfterAnAnswerToHttpOneZero) {
  EXPECT_THAT(Converse("GET /version HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.0 200 OK\r\n"));
}

TEST_F(HttpConnectionTest, LeavesTheBodyOutForHead) {
  const std::string got = Converse(std::string("GET /rules HTTP/1.1\r\nHost: x\r\n") + kClose);
  const std::string head = Converse(std::string("HEAD /rules HTTP/1.1\r\nHost: x\r\n") + kClose);
  EXPECT_EQ(head, got.substr(0, got.find("\r\n\r\n") + 4));
  EXPECT_THAT(head, Not(HasSubstr("Content-Length: 0")));
}

TEST_F(HttpConnectionTest, ReadsChunkedBodies) {
  tests::TcpClient& client = Connect();
  client.Send(
      "PUT /channel/QGIS/text HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: chunked\r\n\r\n"
      "A\r\n{\"author\":\r\n12;x=y\r\n\"Ada\",\"text\":\"hi\"}\r\n0\r\n\r\n");
  EXPECT_THAT(Await(client, "\"hi\""), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(HttpConnectionTest, AsksForABodyThatWaitsToBeAskedFor) {
  tests::TcpClient& client = Connect();
  const std::string body = R"({"author":"Ada","text":"hi"})";
  std::string head = PutOf(body, "Expect: 100-continue\r\n");
  head.resize(head.size() - body.size());
  client.Send(head);
  EXPECT_EQ(Await(client, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send(body);
  EXPECT_THAT(Await(client, "\"hi\""), HasSubstr("\r\n\r\nHTTP/1.1 200 OK\r\n"));
}

TEST_F(HttpConnectionTest, AsksForNoBodyThatItDoesNotWant) {
  const std::string answer = Converse(
      "PUT /nope HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 404 Not Found\r\n"));
}

TEST_F(HttpConnectionTest, HandsUpgradesOn) {
  tests::TcpClient& client = Connect();
  client.Send(UpgradeOf("//room/%C3%89t%C3%A9/ws?replies=1") + "behind it");
  ASSERT_TRUE(tests::RunUntil(parts_.loop, [&] { return upgrade_.has_value(); }));
  EXPECT_EQ(upgrade_->route.api, codec::Api::kRooms);
  EXPECT_EQ(upgrade_->route.channel, "Été");
  EXPECT_TRUE(upgrade_->understands_replies);
  EXPECT_EQ(upgrade_->unread, "behind it");
  EXPECT_EQ(upgrade_->ticket.place.use_count(), 1);
  EXPECT_NE(upgrade_->request, nullptr);
  EXPECT_TRUE(upgrade_->socket.is_open());
  EXPECT_EQ(client.received(), "");
}

TEST_F(HttpConnectionTest, HandsAnUpgradeOnAfterOtherRequests) {
  tests::TcpClient& client = Connect();
  client.Send("GET /version HTTP/1.1\r\nHost: x\r\n\r\n" + UpgradeOf("/channel/QGIS/ws?replies=0"));
  ASSERT_TRUE(tests::RunUntil(parts_.loop, [&] { return upgrade_.has_value(); }));
  EXPECT_FALSE(upgrade_->understands_replies);
  EXPECT_THAT(Await(client, "\"}"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(HttpConnectionTest, RefusesUpgradesToUnknownPlacesWithoutABody) {
  for (const char* target : {"/channel/nope/ws", "/room/qgis/ws", "/channel/QGIS/ws/", "/ws",
                             "/channel/QGIS/users", "/", "/channel/%ff/ws"}) {
    const std::string answer = Converse(UpgradeOf(target));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 403 Forbidden\r\n")) << target;
    EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: 0\r\n"));
    EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
    EXPECT_THAT(answer, Not(HasSubstr("Content-Type")));
  }
  EXPECT_FALSE(upgrade_);
}

TEST_F(HttpConnectionTest, RefusesUpgradesThatAreNotAdmitted) {
  EXPECT_THAT(Converse(UpgradeOf("/channel/QGIS/ws", "Origin: https://evil.example\r\n")),
              StartsWith("HTTP/1.1 403 Forbidden\r\n"));
  EXPECT_FALSE(upgrade_);
  std::vector<Upgrade> inside;
  for (int i = 0; i < 2; ++i) {
    Connect().Send(UpgradeOf("/channel/QGIS/ws", "Origin: https://chat.example\r\n"));
    ASSERT_TRUE(tests::RunUntil(parts_.loop, [&] { return upgrade_.has_value(); }));
    inside.push_back(*std::move(upgrade_));
    upgrade_.reset();
  }
  const std::string answer = Converse(UpgradeOf("/channel/QGIS/ws"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nRetry-After: 2\r\n"));
  EXPECT_THAT(answer, EndsWith(R"({"detail":"The server is full"})"));
  inside.pop_back();
  Connect().Send(UpgradeOf("/channel/QGIS/ws"));
  EXPECT_TRUE(tests::RunUntil(parts_.loop, [&] { return upgrade_.has_value(); }));
}

TEST_F(HttpConnectionTest, ServesWhatAsksForAnotherProtocolAsItIs) {
  EXPECT_THAT(Converse("GET /version HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\n"
                       "Connection: Upgrade, close\r\n\r\n"),
              StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(HttpConnectionTest, SurvivesAnEndAtAnyMoment) {
  const std::string conversation = "GET /version HTTP/1.1\r\nHost: x\r\n\r\n" +
                                   PutOf(R"({"author":"Ada","text":"hi"})") +
                                   "PUT /channel/QGIS/text HTTP/1.1\r\nHost: x\r\n"
                                   "Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n";
  for (size_t bytes = 0; bytes < conversation.size(); bytes += 3) {
    tests::TcpClient& client = Connect();
    client.Send(conversation.substr(0, bytes));
    tests::Settle(parts_.loop);
    if (bytes % 2 == 0) {
      client.Reset();
    } else {
      client.ShutDownSending();
      AwaitEnd(client);
    }
  }
  EXPECT_THAT(Converse(std::string("GET /version HTTP/1.1\r\nHost: x\r\n") + kClose),
              StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(HttpConnectionTest, EndsWhileAServiceThinks) {
  tests::TcpClient& client = Connect();
  client.Send("GET /channel/QGIS/users HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(tests::RunUntil(parts_.loop, [&] { return parts_.presence.lists.size() == 1; }));
  client.Reset();
  parts_.presence.lists.AnswerLast(presence::v1::ListUsersResponse());
  tests::Settle(parts_.loop);
}

}  // namespace
}  // namespace gischat::edge::http
