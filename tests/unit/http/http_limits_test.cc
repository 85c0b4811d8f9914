#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "edge/http/http_connection.h"
#include "tests/unit/http/serving.h"

namespace gischat::edge::http {
namespace {

using std::chrono::milliseconds;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

// Requests that are too large, too slow or no HTTP, and answers that the client can see all the
// same.
class HttpLimitsTest : public ServingFixture {};

TEST_F(HttpLimitsTest, RefusesAHeadThatIsTooLarge) {
  const std::string answer = Converse("GET /version HTTP/1.1\r\nHost: x\r\nX: " +
                                      std::string(HttpLimits().head_bytes, 'x') + "\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(answer,
              EndsWith(R"({"detail":"The head of the request has more than 16384 bytes"})"));
}

TEST_F(HttpLimitsTest, RefusesATargetThatIsTooLong) {
  EXPECT_THAT(Converse("GET /" + std::string(200'000, 'x') + " HTTP/1.1\r\n\r\n"),
              StartsWith("HTTP/1.1 431 "));
}

TEST_F(HttpLimitsTest, TakesAHeadThatIsJustSmallEnough) {
  tests::TcpClient& client = Connect();
  client.Send("GET /version HTTP/1.1\r\nHost: x\r\nX: " +
              std::string(HttpLimits().head_bytes - 100, 'x') + "\r\n\r\n");
  EXPECT_THAT(Await(client, "\"}"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(HttpLimitsTest, RefusesALargeBodyByItsLengthWhileItStillComes) {
  tests::TcpClient& client = Connect();
  client.Send(
      "PUT /channel/QGIS/text HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
      "Content-Length: 2000000\r\n\r\n");
  for (int i = 0; i < 20; ++i) {
    client.Send(std::string(100'000, 'x'));
    tests::Settle(parts_.loop);
  }
  const std::string answer = AwaitEnd(client);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(answer, EndsWith(R"({"detail":"The body has more than 1048576 bytes"})"));
}

TEST_F(HttpLimitsTest, RefusesALargeBodyThatWaitsToBeAskedFor) {
  EXPECT_THAT(Converse("PUT /channel/QGIS/text HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                       "Content-Length: 1048577\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
}

TEST_F(HttpLimitsTest, RefusesALargeBodyInChunks) {
  tests::TcpClient& client = Connect();
  client.Send(
      "PUT /channel/QGIS/text HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 20 && !client.ended(); ++i) {
    client.Send("186A0\r\n" + std::string(100'000, 'x') + "\r\n");
    tests::Settle(parts_.loop);
  }
  EXPECT_THAT(AwaitEnd(client), StartsWith("HTTP/1.1 413 "));
}

TEST_F(HttpLimitsTest, TakesABodyOfTheLargestSize) {
  tests::TcpClient& client = Connect();
  std::string body = R"({"author":"Ada","text":"hi"})";
  body.append(kMaxBodyBytes - body.size(), ' ');
  const std::string request = PutOf(body);
  for (size_t at = 0; at < request.size(); at += 100'000) {
    client.Send(std::string_view(request).substr(at, 100'000));
    tests::Settle(parts_.loop);
  }
  EXPECT_THAT(Await(client, "\"hi\""), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(HttpLimitsTest, RefusesABodyWhoseChunksCanNotBeRead) {
  EXPECT_THAT(Converse("PUT /channel/QGIS/text HTTP/1.1\r\nHost: x\r\n"
                       "Transfer-Encoding: chunked\r\n\r\nxyz\r\n"),
              StartsWith("HTTP/1.1 400 "));
}

TEST_F(HttpLimitsTest, RefusesWhatIsNoHttp) {
  for (const char* request : {"\x16\x03\x01\x02hello\r\n\r\n", "GET\r\n\r\n", "nonsense\r\n\r\n",
                              "GET / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
                              "GET / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"}) {
    const std::string answer = Converse(request);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 ")) << request;
    EXPECT_THAT(answer, EndsWith(R"({"detail":"The request is no HTTP"})"));
  }
}

TEST_F(HttpLimitsTest, AnswersAHeadThatTakesTooLong) {
  limits_.head = milliseconds(50);
  const std::string answer = Converse("GET /version HTTP/1.1\r\nHost:");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(answer, HasSubstr("The head of the request took too long"));
}

TEST_F(HttpLimitsTest, AnswersABodyThatTakesTooLong) {
  limits_.body = milliseconds(50);
  const std::string answer =
      Converse("PUT /channel/QGIS/text HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(answer, HasSubstr("The body of the request took too long"));
}

TEST_F(HttpLimitsTest, ClosesASilentConnectionWithoutAWord) {
  limits_.head = milliseconds(50);
  EXPECT_EQ(Converse(""), "");
}

TEST_F(HttpLimitsTest, ClosesAConnectionThatHasNothingMoreToSay) {
  limits_.next = milliseconds(50);
  const std::string answer = Converse("GET /version HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, EndsWith("\"}"));
}

TEST_F(HttpLimitsTest, AnswersTheSecondRequestThatTakesTooLong) {
  limits_.next = milliseconds(50);
  tests::TcpClient& client = Connect();
  client.Send("GET /version HTTP/1.1\r\nHost: x\r\n\r\nGET /ver");
  EXPECT_THAT(AwaitEnd(client), HasSubstr("HTTP/1.1 408 "));
}

TEST_F(HttpLimitsTest, CountsWhatItRefuses) {
  limits_.head = milliseconds(50);
  limits_.head_bytes = 1024;
  Converse("nonsense\r\n\r\n");
  Converse("GET /version HTT");
  Converse("PUT /channel/QGIS/text HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n");
  Converse("GET /" + std::string(2000, 'x') + " HTTP/1.1\r\n\r\n");
  for (const char* status : {"400", "408", "413", "431"}) {
    EXPECT_EQ(tests::MetricValue(parts_.registry, "gischat_edge_http_requests_total", status), 1)
        << status;
  }
}

TEST_F(HttpLimitsTest, RefusesMessagesOverTheRateOfTheirAddress) {
  LimitAdmission({.message_rate = 2, .allowed_origins = {}});
  const std::string put = PutOf(R"({"author":"Ada","text":"hi"})");
  tests::TcpClient& client = Connect();
  client.Send(put);
  Await(client, "\"hi\"");
  client.Send(put + put);
  const std::string answers = AwaitEnd(client);
  EXPECT_THAT(answers, HasSubstr("HTTP/1.1 429 Too Many Requests\r\n"));
  EXPECT_THAT(answers, HasSubstr("\r\nContent-Type: application/json\r\n"));
  EXPECT_THAT(answers, HasSubstr("\r\nRetry-After: 1\r\n"));
  EXPECT_THAT(answers, EndsWith(R"({"detail":"Not delivered: at most 2 messages per second may )"
                                R"(come from one address"})"));
  EXPECT_THAT(parts_.Published(), testing::ElementsAre("hi", "hi"));
  EXPECT_EQ(tests::MetricValue(parts_.registry, "gischat_edge_http_requests_total", "429"), 1);
  EXPECT_THAT(Converse("GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 200 OK\r\n"))
      << "reading is not speaking";
}

TEST_F(HttpLimitsTest, CountsClientsBehindATrustedProxyEachForItself) {
  LimitAdmission({.message_rate = 1, .allowed_origins = {}});
  const auto put = [&](const std::string& forwarded) {
    return Converse(PutOf(R"({"author":"Ada","text":"hi"})",
                          "Connection: close\r\nX-Forwarded-For: " + forwarded + "\r\n"));
  };
  EXPECT_THAT(put("203.0.113.7"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(put("203.0.113.8"), StartsWith("HTTP/1.1 429 ")) << "127.0.0.1 is not trusted yet";
  proxies_ = TrustedProxies({"127.0.0.0/8"});
  EXPECT_THAT(put("203.0.113.7"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(put("203.0.113.8"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(put("198.51.100.1, 203.0.113.8"), StartsWith("HTTP/1.1 429 "));
  EXPECT_THAT(put("198.51.100.1\r\nX-Forwarded-For: 203.0.113.8"), StartsWith("HTTP/1.1 429 "));
}

TEST_F(HttpLimitsTest, TurnsAwayWhomThereIsNoRoomFor) {
  LimitAdmission({.sockets = 1, .allowed_origins = {}});
  tests::TcpClient& first = Connect();
  const std::string answer = AwaitEnd(Connect());
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Type: application/json\r\n"));
  EXPECT_THAT(answer, EndsWith(R"({"detail":"The server is full"})"));
  first.Send(UpgradeOf("/channel/QGIS/ws"));
  ASSERT_TRUE(tests::RunUntil(parts_.loop, [&] { return upgrade_.has_value(); }));
  EXPECT_THAT(AwaitEnd(Connect()), StartsWith("HTTP/1.1 503 ")) << "a WebSocket is a socket too";
  upgrade_.reset();
  EXPECT_THAT(Converse("GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 200 OK\r\n"));
}

}  // namespace
}  // namespace gischat::edge::http
