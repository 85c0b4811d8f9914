#include "common/process/admin_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <thread>

#include "absl/synchronization/notification.h"
#include "tests/unit/process/http_get.h"

namespace gischat::process {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class AdminServerTest : public testing::Test {
 protected:
  ~AdminServerTest() override {
    server_.reset();
    loop_.stop();
    thread_.join();
  }

  void Listen(AdminLimits limits = {}) {
    auto server = AdminServer::Listen(
        loop_, "127.0.0.1", 0,
        {[this](bool ready) { return metrics_(ready); }, [this] { return unready_; }}, limits);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  boost::asio::io_context loop_;
  std::function<std::string(bool)> metrics_ = [](bool ready) {
    return ready ? "a_metric 1\n" : "a_metric 0\n";
  };
  std::string unready_;
  std::unique_ptr<AdminServer> server_;
  const boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      loop_.get_executor()};
  std::thread thread_{[this] { loop_.run(); }};
};

TEST_F(AdminServerTest, ServesMetricsInTheTextFormat) {
  Listen();
  const std::string answer = Fetch(server_->port(), "/metrics");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\na_metric 1\n"));
}

TEST_F(AdminServerTest, TellsTheMetricsWhetherItIsReady) {
  unready_ = "redis: away\n";
  Listen();
  EXPECT_THAT(Fetch(server_->port(), "/metrics"), EndsWith("\r\n\r\na_metric 0\n"));
}

TEST_F(AdminServerTest, IsReadyWhenNothingSpeaksAgainstIt) {
  Listen();
  EXPECT_THAT(Fetch(server_->port(), "/readyz"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(AdminServerTest, SaysWhyItIsNotReady) {
  unready_ = "redis: away\n";
  Listen();
  const std::string answer = Fetch(server_->port(), "/readyz");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nredis: away\n"));
}

TEST_F(AdminServerTest, LivesWhileItIsNotReady) {
  unready_ = "redis: away\n";
  Listen();
  const std::string answer = Fetch(server_->port(), "/livez?verbose=1");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nok\n"));
}

TEST_F(AdminServerTest, AnswersHeadWithoutABody) {
  Listen();
  const std::string answer = Fetch(server_->port(), "/livez", "HEAD");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 3\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(AdminServerTest, RefusesOtherPathsAndMethods) {
  Listen();
  EXPECT_THAT(Fetch(server_->port(), "/"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Fetch(server_->port(), "/metrics/"), StartsWith("HTTP/1.1 404 "));
  const std::string answer = Fetch(server_->port(), "/metrics", "DELETE");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(answer, HasSubstr("Allow: GET, HEAD\r\n"));
}

TEST_F(AdminServerTest, AnswersManyRequestsOnOneConnection) {
  Listen();
  Connection connection(server_->port());
  connection.Send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
  connection.Send("GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string answers = connection.ReadToEnd();
  EXPECT_THAT(answers, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answers, HasSubstr("ok\nHTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answers, HasSubstr("ok\nHTTP/1.1 404 "));
}

TEST_F(AdminServerTest, ClosesAConnectionThatSendsNoRequestInTime) {
  Listen({.request_deadline = std::chrono::milliseconds(50)});
  Connection connection(server_->port());
  connection.Send("GET /livez HTTP/1.1\r\n");
  EXPECT_EQ(connection.ReadToEnd(), "");
}

TEST_F(AdminServerTest, ClosesAConnectionWithAnOversizedHeader) {
  Listen({.request_deadline = std::chrono::minutes(10)});
  Connection connection(server_->port());
  connection.Send("GET /livez HTTP/1.1\r\nX: " + std::string(20'000, 'x'));
  EXPECT_EQ(connection.ReadToEnd(), "");
}

TEST_F(AdminServerTest, ClosesConnectionsBeyondTheLimit) {
  Listen({.connections = 1});
  auto first = std::make_unique<Connection>(server_->port());
  EXPECT_EQ(Connection(server_->port()).ReadToEnd(), "");
  first->Send("GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(first->ReadToEnd(), EndsWith("ok\n"));
  EXPECT_THAT(Fetch(server_->port(), "/livez"), EndsWith("ok\n"));
}

TEST_F(AdminServerTest, AnswersOthersWhileMetricsAreCollected) {
  absl::Notification collecting;
  absl::Notification release;
  metrics_ = [&](bool /*ready*/) {
    collecting.Notify();
    release.WaitForNotification();
    return "late 1\n";
  };
  Listen();
  Connection scrape(server_->port());
  scrape.Send("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  collecting.WaitForNotification();
  EXPECT_THAT(Fetch(server_->port(), "/livez"), EndsWith("ok\n"));
  release.Notify();
  EXPECT_THAT(scrape.ReadToEnd(), EndsWith("late 1\n"));
}

TEST_F(AdminServerTest, StopClosesPortAndConnections) {
  Listen({.request_deadline = std::chrono::minutes(10)});
  const uint16_t port = server_->port();
  Connection idle(port);
  server_->Stop();
  EXPECT_EQ(idle.ReadToEnd(), "");
  EXPECT_THROW(Connection{port}, boost::system::system_error);
}

TEST_F(AdminServerTest, RefusesATakenPort) {
  Listen();
  const auto second = AdminServer::Listen(loop_, "127.0.0.1", server_->port(), {}, {});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(second.status().message(),
            "admin port 127.0.0.1:" + std::to_string(server_->port()) + " is taken");
  const auto everywhere = AdminServer::Listen(loop_, "0.0.0.0", server_->port(), {}, {});
  EXPECT_EQ(everywhere.status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(AdminServerTest, RefusesAnAddressOfAnotherMachine) {
  const auto server = AdminServer::Listen(loop_, "192.0.2.1", 0, {}, {});
  EXPECT_EQ(server.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(server.status().message()), HasSubstr("192.0.2.1:0"));
}

}  // namespace
}  // namespace gischat::process
