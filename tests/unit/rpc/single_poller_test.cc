#include "common/rpc/single_poller.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "tests/support/wait_until.h"

namespace gischat::rpc {
namespace {

class SinglePollerTest : public testing::Test {
 protected:
  // The last that knows a channel must not be a thread of gRPC.
  ~SinglePollerTest() override {
    EXPECT_TRUE(tests::WaitUntil([&] { return pending_ == 0; }));
  }

  // Runs an action in the callback of a call that fails at once.
  void OnThreadOfGrpc(std::function<void()> action) {
    struct Call {
      grpc::ClientContext context;
      grpc::ByteBuffer request{nullptr, 0};
      grpc::ByteBuffer response;
    };
    ++pending_;
    auto call = std::make_shared<Call>();
    grpc::GenericStub(channel_).UnaryCall(
        &call->context, "/nowhere", {}, &call->request, &call->response,
        [this, call, action = std::move(action)](const grpc::Status&) mutable {
          action();
          call.reset();
          --pending_;
        });
  }

 private:
  const std::shared_ptr<grpc::Channel> channel_ = grpc::CreateChannel("", nullptr);
  std::atomic<int> pending_ = 0;
};

TEST_F(SinglePollerTest, CallbacksWaitForEachOther) {
  const SinglePoller poller;
  absl::Notification first;
  absl::Notification second;
  bool overlapped = false;
  OnThreadOfGrpc([&] {
    overlapped = second.WaitForNotificationWithTimeout(absl::Milliseconds(200));
    first.Notify();
  });
  OnThreadOfGrpc([&] { second.Notify(); });
  first.WaitForNotification();
  second.WaitForNotification();
  EXPECT_FALSE(overlapped);
}

TEST_F(SinglePollerTest, EndsAndLeavesAllThreadsToGrpc) {
  { const SinglePoller poller; }
  absl::Notification first;
  absl::Notification second;
  OnThreadOfGrpc([&] {
    second.WaitForNotification();
    first.Notify();
  });
  OnThreadOfGrpc([&] { second.Notify(); });
  first.WaitForNotification();
}

// Its thread would sleep for 100 ms after a second in which nothing happened.
TEST_F(SinglePollerTest, IsAwakeAfterASilence) {
  const SinglePoller poller;
  absl::Duration fastest = absl::InfiniteDuration();
  for (int i = 0; i < 3; ++i) {  // the machine may be slow, but not always
    std::this_thread::sleep_for(std::chrono::milliseconds(1030));  // the silence itself
    absl::Notification answered;
    const absl::Time asked = absl::Now();
    OnThreadOfGrpc([&] { answered.Notify(); });
    answered.WaitForNotification();
    fastest = std::min(fastest, absl::Now() - asked);
  }
  EXPECT_LT(fastest, absl::Milliseconds(50));
}

}  // namespace
}  // namespace gischat::rpc
