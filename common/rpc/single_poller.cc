#include "common/rpc/single_poller.h"

#include <grpc/support/cpu.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <string>

namespace gischat::rpc {
namespace {

constexpr std::chrono::milliseconds kTick(500);

// As gRPC 1.51 computes it; 0 with any other.
unsigned ThreadsOfGrpc() {
  const std::string version = grpc::Version();
  if (!version.starts_with("1.51.")) return 0;
  return std::clamp(gpr_cpu_num_cores() / 2, 2U, 16U);
}

// A call that fails at once.
struct Call {
  grpc::ClientContext context;
  grpc::ByteBuffer request{nullptr, 0};
  grpc::ByteBuffer response;
};

}  // namespace

SinglePoller::SinglePoller() {
  const unsigned threads = ThreadsOfGrpc();
  if (threads == 0) return;
  nowhere_ = grpc::CreateChannel("", nullptr);
  for (unsigned i = 1; i < threads; ++i) Post(&SinglePoller::Park);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return parked_ + 1 == threads; });
  ticking_ = std::thread([this] { TickUntilEnd(); });
}

SinglePoller::~SinglePoller() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  if (ticking_.joinable()) ticking_.join();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return posted_ == 0; });
}

void SinglePoller::Post(void (SinglePoller::*callback)()) {
  {
    const std::lock_guard lock(mutex_);
    ++posted_;
  }
  auto call = std::make_shared<Call>();
  grpc::GenericStub(nowhere_).UnaryCall(
      &call->context, "/nowhere", {}, &call->request, &call->response,
      [this, callback, call](const grpc::Status&) mutable {
        (this->*callback)();
        call.reset();  // has the channel, whose end is not for this thread
        const std::lock_guard lock(mutex_);
        if (--posted_ == 0) changed_.notify_all();
      });
}

void SinglePoller::Park() {
  std::unique_lock lock(mutex_);
  ++parked_;
  changed_.notify_all();
  changed_.wait(lock, [this] { return ending_; });
}

void SinglePoller::Ignore() {}

void SinglePoller::TickUntilEnd() {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, kTick, [this] { return ending_; })) {
    lock.unlock();
    Post(&SinglePoller::Ignore);
    lock.lock();
  }
}

}  // namespace gischat::rpc
