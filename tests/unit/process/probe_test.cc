#include "common/process/probe.h"

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/config/table.h"
#include "common/process/admin_server.h"
#include "common/process/process.h"

namespace gischat::process {
namespace {

class ProbeTest : public testing::Test {
 protected:
  ProbeTest() {
    auto server = AdminServer::Listen(
        loop_, "127.0.0.1", 0,
        {[](bool /*ready*/) { return std::string(); }, [this] { return unready_; }}, {});
    server_ = *std::move(server);
  }
  ~ProbeTest() override {
    server_.reset();
    loop_.stop();
    thread_.join();
  }

  // What main does with --probe.
  int RunProgram() {
    Settings settings;
    config::Table table("gischat-test", "Tests.");
    settings.Declare(table);
    const char* arguments[] = {"gischat-test", "--probe"};
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const std::optional<int> status = config::ReadCommandLine(
        table, 2, arguments, {{"GISCHAT_ADMIN_PORT", std::to_string(server_->port())}});
    said_ = testing::internal::GetCapturedStdout() + testing::internal::GetCapturedStderr();
    return status.value();
  }

  std::string unready_;
  std::string said_;
  boost::asio::io_context loop_;
  std::unique_ptr<AdminServer> server_;
  const boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      loop_.get_executor()};
  std::thread thread_{[this] { loop_.run(); }};
};

TEST_F(ProbeTest, IsOkWhenTheProcessIsReady) {
  EXPECT_EQ(Probe("127.0.0.1", server_->port()), absl::OkStatus());
  EXPECT_EQ(Probe("0.0.0.0", server_->port()), absl::OkStatus());
}

TEST_F(ProbeTest, SaysWhatIsMissing) {
  unready_ = "redis: not connected\nbackends: none\n";
  EXPECT_EQ(Probe("127.0.0.1", server_->port()),
            absl::UnavailableError("redis: not connected; backends: none"));
}

TEST_F(ProbeTest, FailsWhenNobodyListens) {
  const uint16_t port = server_->port();
  server_->Stop();
  EXPECT_EQ(Probe("127.0.0.1", port),
            absl::UnavailableError(absl::StrCat("127.0.0.1:", port, ": Connection refused")));
}

TEST_F(ProbeTest, DoesNotWaitForever) {
  boost::asio::io_context context;
  const boost::asio::ip::tcp::acceptor silent(context,
                                              {boost::asio::ip::make_address("127.0.0.1"), 0});
  const uint16_t port = silent.local_endpoint().port();
  EXPECT_EQ(
      Probe("127.0.0.1", port, std::chrono::milliseconds(50)),
      absl::DeadlineExceededError(absl::StrCat("no answer from 127.0.0.1:", port, " in time")));
}

TEST_F(ProbeTest, IsAnOptionOfEveryProgram) {
  EXPECT_EQ(RunProgram(), 0);
  EXPECT_EQ(said_, "gischat-test: ready\n");
  unready_ = "starting\n";
  EXPECT_EQ(RunProgram(), 1);
  EXPECT_EQ(said_, "gischat-test: not ready: starting\n");
}

}  // namespace
}  // namespace gischat::process
