#include <gmock/gmock.h>
#include <grpcpp/channel.h>
#include <gtest/gtest.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <thread>

#include "absl/synchronization/notification.h"
#include "common/rpc/await.h"
#include "common/rpc/call_metrics.h"
#include "common/rpc/server.h"
#include "common/rpc/unary_call.h"
#include "tests/support/wait_until.h"
#include "tests/unit/rpc/fake_services.h"

namespace gischat::rpc {
namespace {

using presence::v1::DetachResponse;
using presence::v1::ListUsersResponse;
using presence::v1::Presence;
using testing::ElementsAre;
using testing::IsEmpty;

class CallTest : public testing::Test {
 protected:
  void ListUsers(base::Callback<ListUsersResponse> done) {
    auto request = std::make_shared<presence::v1::ListUsersRequest>();
    request->set_channel("QGIS");
    CallUnary(stub_->async(), &Presence::Stub::async::ListUsers, "presence.ListUsers",
              absl::Seconds(20), metrics_, pending_,
              std::shared_ptr<const presence::v1::ListUsersRequest>(request), std::move(done));
  }

  void Register(const presence::v1::RegisterRequest& request,
                base::Callback<presence::v1::RegisterResponse> done) {
    CallUnary(stub_->async(), &Presence::Stub::async::Register, "presence.Register",
              absl::Seconds(20), metrics_, pending_,
              std::make_shared<const presence::v1::RegisterRequest>(request), std::move(done));
  }

  void NeverAnswered(base::Callback<DetachResponse> done) {
    CallUnary(stub_->async(), &Presence::Stub::async::Detach, "presence.Detach",
              absl::Milliseconds(50), metrics_, pending_,
              std::make_shared<const presence::v1::DetachRequest>(), std::move(done));
  }

  // How often a method ended with a code, as the metrics have it.
  uint64_t Observed(const std::string& method, const std::string& code) {
    for (const auto& family : registry_.Collect()) {
      for (const auto& metric : family.metric) {
        if (family.name == "gischat_rpc_client_calls_total" && metric.label[0].value == code &&
            metric.label[1].value == method) {
          return static_cast<uint64_t>(metric.counter.value);
        }
      }
    }
    return 0;
  }

  prometheus::Registry registry_;
  CallMetrics metrics_{registry_};
  PendingCalls pending_;
  FakePresence presence_;
  const std::unique_ptr<Server> server_ = Server::InProcess({&presence_});
  const std::unique_ptr<Presence::Stub> stub_ = Presence::NewStub(server_->InProcessChannel());
};

template <typename T, typename Start>
absl::StatusOr<T> Wait(Start start) {
  std::promise<absl::StatusOr<T>> promise;
  start(base::Callback<T>(
      [&promise](absl::StatusOr<T> result) { promise.set_value(std::move(result)); }));
  return promise.get_future().get();
}

TEST_F(CallTest, HandsTheAnswerToTheCallback) {
  const auto users = Wait<ListUsersResponse>([&](auto done) { ListUsers(std::move(done)); });
  ASSERT_TRUE(users.ok()) << users.status();
  EXPECT_EQ(users->nicknames(0), "QGIS");
  EXPECT_EQ(Observed("presence.ListUsers", "OK"), 1u);
}

TEST_F(CallTest, HandsTheErrorToTheCallback) {
  presence_.answers.judge = [](int) {
    return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "empty channel");
  };
  const auto users = Wait<ListUsersResponse>([&](auto done) { ListUsers(std::move(done)); });
  EXPECT_EQ(users.status(), absl::InvalidArgumentError("empty channel"));
  EXPECT_EQ(Observed("presence.ListUsers", "INVALID_ARGUMENT"), 1u);
}

TEST_F(CallTest, CarriesTheTraceOfAMessageInItsMetadata) {
  presence::v1::RegisterRequest request;
  const auto call = [&](auto done) { Register(request, std::move(done)); };
  EXPECT_TRUE(Wait<presence::v1::RegisterResponse>(call).ok());
  EXPECT_THAT(presence_.traceparents, IsEmpty()) << "nobody looks at it";
  request.mutable_trace()->set_trace_high(0x4bf92f3577b34da6);
  request.mutable_trace()->set_trace_low(0xa3ce929d0e0e4736);
  request.mutable_trace()->set_request(0x00f067aa0ba902b7);
  request.mutable_trace()->set_flags(1);
  EXPECT_TRUE(Wait<presence::v1::RegisterResponse>(call).ok());
  EXPECT_THAT(presence_.traceparents,
              ElementsAre("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
}

TEST_F(CallTest, EndsAtItsDeadline) {
  const auto answer = Wait<DetachResponse>([&](auto done) { NeverAnswered(std::move(done)); });
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(Observed("presence.Detach", "DEADLINE_EXCEEDED"), 1u);
}

TEST_F(CallTest, EndOfPendingCallsWaitsUntilWhatTheirCallbacksHoldIsGone) {
  // Gives the end time to come too early, when it is let go.
  struct Held {
    Held(std::atomic<bool>& end, std::atomic<bool>& early) : ended(end), too_early(early) {}
    ~Held() {
      too_early = tests::WaitUntil([this] { return ended.load(); }, absl::Milliseconds(100));
    }
    std::atomic<bool>& ended;
    std::atomic<bool>& too_early;
  };
  std::atomic<bool> ended = false;
  std::atomic<bool> too_early = true;
  absl::Notification answered;
  auto pending = std::make_unique<PendingCalls>();
  CallUnary(stub_->async(), &Presence::Stub::async::ListUsers, "presence.ListUsers",
            absl::Seconds(20), metrics_, *pending,
            std::make_shared<const presence::v1::ListUsersRequest>(),
            base::Callback<ListUsersResponse>(
                [&answered, held = std::make_shared<Held>(ended, too_early)](const auto&) {
                  answered.Notify();
                }));
  ASSERT_TRUE(answered.WaitForNotificationWithTimeout(absl::Seconds(20)));
  pending.reset();
  ended = true;
  EXPECT_TRUE(tests::WaitUntil([&] { return !too_early; }, absl::Seconds(1)));
}

// Runs a coroutine to its end on a loop of this thread, whose only work it is.
template <typename Coroutine>
void RunToEnd(Coroutine coroutine) {
  boost::asio::io_context loop;
  std::future<void> end =
      boost::asio::co_spawn(loop, std::move(coroutine), boost::asio::use_future);
  loop.run();
  ASSERT_EQ(end.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  end.get();
}

TEST_F(CallTest, CanBeAwaitedByACoroutineWhichStaysOnItsThread) {
  RunToEnd([this]() -> boost::asio::awaitable<void> {
    const auto thread = std::this_thread::get_id();
    for (int i = 0; i < 3; ++i) {
      const absl::StatusOr<ListUsersResponse> users =
          co_await Await<ListUsersResponse>([&](auto done) { ListUsers(std::move(done)); });
      EXPECT_TRUE(users.ok() && users->nicknames(0) == "QGIS") << users.status();
      EXPECT_EQ(std::this_thread::get_id(), thread);
    }
  });
}

TEST_F(CallTest, TellsErrorsToTheCoroutine) {
  RunToEnd([this]() -> boost::asio::awaitable<void> {
    const auto answer =
        co_await Await<DetachResponse>([&](auto done) { NeverAnswered(std::move(done)); });
    EXPECT_EQ(answer.status().code(), absl::StatusCode::kDeadlineExceeded);
  });
}

TEST(Await, TakesACallbackThatComesBeforeTheCallReturns) {
  RunToEnd([]() -> boost::asio::awaitable<void> {
    const auto answer = co_await Await<int>([](auto done) { std::move(done)(7); });
    EXPECT_EQ(answer.value_or(0), 7);
  });
}

TEST(Await, TakesANamedStartThatHoldsValues) {
  const auto held = std::make_shared<int>(7);
  RunToEnd([held]() -> boost::asio::awaitable<void> {
    auto start = [held](auto done) { std::move(done)(*held); };
    const auto answer = co_await Await<int>(std::move(start));
    EXPECT_EQ(answer.value_or(0), 7);
  });
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace gischat::rpc
