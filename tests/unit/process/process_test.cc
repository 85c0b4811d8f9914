#include "common/process/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "absl/synchronization/notification.h"
#include "common/config/reload.h"
#include "tests/unit/process/http_get.h"

namespace gischat::process {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

// Holds what was logged. Thread-safe.
class LogText : public spdlog::sinks::base_sink<std::mutex> {
 public:
  std::string Read() {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    text_.append(message.payload.data(), message.payload.size()).append("\n");
  }
  void flush_() override {}

  std::string text_;
};

class ProcessTest : public testing::Test {
 protected:
  ProcessTest() { spdlog::default_logger()->sinks() = {log_}; }

  // Read it in `start` or later: the line stands in the log by then.
  uint16_t AdminPort() const {
    const std::string before = "admin port on 127.0.0.1:";
    const std::string log = log_->Read();
    const size_t at = log.find(before);
    return at == std::string::npos
               ? uint16_t{0}
               : static_cast<uint16_t>(std::atoi(log.c_str() + at + before.size()));
  }

  static absl::Status SendSignal() {
    std::raise(SIGTERM);
    return absl::OkStatus();
  }

  Process process_{"gischat-test", {.admin_port = 0}};
  const std::shared_ptr<LogText> log_ = std::make_shared<LogText>();
};

TEST_F(ProcessTest, StopsAfterASignal) {
  bool started = false;
  bool stopped = false;
  EXPECT_EQ(process_.Run(
                [&] {
                  started = true;
                  return SendSignal();
                },
                [&] { stopped = started; }),
            0);
  EXPECT_TRUE(stopped);
}

TEST_F(ProcessTest, RunsTheLoopFromStartUntilItIsDestroyed) {
  const auto runs = [this] {
    absl::Notification ran;
    boost::asio::post(process_.loop(), [&ran] { ran.Notify(); });
    ran.WaitForNotification();
  };
  process_.Run(
      [&] {
        runs();
        return SendSignal();
      },
      runs);
  runs();
}

TEST_F(ProcessTest, IsUnreadyWhileItStartsAndWhenItStops) {
  process_.Run(
      [&] {
        EXPECT_THAT(Fetch(AdminPort(), "/readyz"), EndsWith("\r\n\r\nstarting\n"));
        EXPECT_THAT(Fetch(AdminPort(), "/livez"), StartsWith("HTTP/1.1 200 OK\r\n"));
        return SendSignal();
      },
      [&] {
        const std::string answer = Fetch(AdminPort(), "/readyz");
        EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
        EXPECT_THAT(answer, EndsWith("\r\n\r\nstopping\n"));
      });
}

TEST_F(ProcessTest, IsReadyWhenEveryCheckIs) {
  std::atomic<bool> redis_ready = false;
  process_.AddReadinessCheck("always", [] { return absl::OkStatus(); });
  process_.AddReadinessCheck("redis", [&] {
    return redis_ready ? absl::OkStatus() : absl::UnavailableError("no connection");
  });
  absl::Notification started;
  std::thread prober([&] {
    started.WaitForNotification();
    while (Fetch(AdminPort(), "/readyz").ends_with("starting\n")) std::this_thread::yield();
    EXPECT_THAT(Fetch(AdminPort(), "/readyz"), EndsWith("\r\n\r\nredis: no connection\n"));
    EXPECT_THAT(Fetch(AdminPort(), "/metrics"), HasSubstr("\ngischat_ready 0\n"));
    redis_ready = true;
    EXPECT_THAT(Fetch(AdminPort(), "/readyz"), StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(Fetch(AdminPort(), "/metrics"), HasSubstr("\ngischat_ready 1\n"));
    std::raise(SIGINT);
  });
  process_.Run(
      [&] {
        started.Notify();
        return absl::OkStatus();
      },
      [] {});
  prober.join();
}

TEST_F(ProcessTest, ServesItsMetrics) {
  process_.Run(
      [&] {
        const std::string metrics = Fetch(AdminPort(), "/metrics");
        EXPECT_THAT(metrics, HasSubstr("\ngischat_build_info{version=\""));
        EXPECT_THAT(metrics, HasSubstr("\nprocess_open_fds "));
        EXPECT_THAT(metrics, HasSubstr("\nprocess_cpu_seconds_total "));
        return SendSignal();
      },
      [] {});
}

TEST_F(ProcessTest, EndsWithTwoWhenThePortIsTaken) {
  boost::asio::io_context context;
  const boost::asio::ip::tcp::acceptor taken(
      context, {boost::asio::ip::make_address("127.0.0.1"), 0}, false);
  const uint16_t port = taken.local_endpoint().port();
  Process process("gischat-test", {.admin_port = port});
  spdlog::default_logger()->sinks() = {log_};
  bool started = false;
  EXPECT_EQ(process.Run(
                [&] {
                  started = true;
                  return absl::OkStatus();
                },
                [] {}),
            2);
  EXPECT_FALSE(started);
  EXPECT_THAT(log_->Read(),
              HasSubstr("admin port 127.0.0.1:" + std::to_string(port) + " is taken\n"));
}

TEST_F(ProcessTest, EndsWithTwoWhenStartFails) {
  EXPECT_EQ(process_.Run([] { return absl::UnavailableError("gRPC port x is taken"); }, [] {}), 2);
  EXPECT_THAT(log_->Read(), HasSubstr("gRPC port x is taken\n"));
}

TEST(ProcessFrame, RaisesTheLimitOfOpenFiles) {
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlim_t before = std::exchange(limit.rlim_cur, 256);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  testing::internal::CaptureStderr();
  const Process process("gischat-test", {.admin_port = 0});
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("soft limit of open files " + std::to_string(limit.rlim_max) + "\n"));
  getrlimit(RLIMIT_NOFILE, &limit);
  EXPECT_EQ(limit.rlim_cur, limit.rlim_max);
  limit.rlim_cur = before;
  setrlimit(RLIMIT_NOFILE, &limit);
}

TEST(ProcessFrame, IgnoresBrokenPipes) {
  const Process process("gischat-test", {.admin_port = 0});
  struct sigaction action {};
  sigaction(SIGPIPE, nullptr, &action);
  EXPECT_EQ(action.sa_handler, SIG_IGN);
}

TEST(ProcessDeathTest, EndsAtOnceOnASecondSignal) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  const auto run = [] {
    Process process("gischat-test", {.admin_port = 0});
    process.Run(
        [] {
          std::raise(SIGTERM);
          return absl::OkStatus();
        },
        [] {
          std::raise(SIGTERM);
          absl::Notification().WaitForNotification();
        });
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(1), "while stopping");
}

// Whether a line of the metrics page is there.
bool Counts(uint16_t port, const std::string& line) {
  return Fetch(port, "/metrics").find("\n" + line + "\n") != std::string::npos;
}

TEST_F(ProcessTest, ReadsSettingsAgainOnHangup) {
  config::Reload next;
  std::atomic<int> read = 0;
  process_.OnHangup([&] {
    ++read;
    return next;
  });
  process_.NoteOverridden({"RULES"});
  const auto hang_up = [&](const char* expected) {
    std::raise(SIGHUP);
    while (log_->Read().find(expected) == std::string::npos) std::this_thread::yield();
  };
  absl::Notification started;
  std::thread test([&] {
    started.WaitForNotification();
    const uint16_t port = AdminPort();
    EXPECT_TRUE(Counts(port, "gischat_config_reloads_total{result=\"ok\"} 0"));
    EXPECT_TRUE(Counts(port, "gischat_config_reloads_total{result=\"failed\"} 0"));
    EXPECT_TRUE(Counts(port, "gischat_config_last_reload_successful 1"));
    next = {.mistakes = {"settings:3: PORT: 'x' must be a number"},
            .changed = {},
            .need_restart = {},
            .overridden = {}};
    hang_up("nothing is changed\n");
    EXPECT_TRUE(Counts(port, "gischat_config_reloads_total{result=\"failed\"} 1"));
    EXPECT_TRUE(Counts(port, "gischat_config_last_reload_successful 0"));
    next = {.mistakes = {}, .changed = {"A"}, .need_restart = {"B"}, .overridden = {"RULES", "C"}};
    hang_up("changed: A\n");
    EXPECT_TRUE(Counts(port, "gischat_config_reloads_total{result=\"ok\"} 1"));
    EXPECT_TRUE(Counts(port, "gischat_config_last_reload_successful 1"));
    SendSignal().IgnoreError();
  });
  process_.Run(
      [&] {
        started.Notify();
        return absl::OkStatus();
      },
      [] { std::raise(SIGHUP); });
  test.join();
  EXPECT_EQ(read, 2);
  const std::string log = log_->Read();
  EXPECT_THAT(log, HasSubstr("settings: settings:3: PORT: 'x' must be a number\n"));
  EXPECT_THAT(log, HasSubstr("B has another value in the file: that needs a restart\n"));
  EXPECT_THAT(log, HasSubstr("settings: RULES in the file of GISCHAT_CONFIG: does not count"));
  EXPECT_THAT(log, HasSubstr("settings: C in the file of GISCHAT_CONFIG: does not count"));
}

}  // namespace
}  // namespace gischat::process
