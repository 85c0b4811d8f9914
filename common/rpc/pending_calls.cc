#include "common/rpc/pending_calls.h"

#include <grpcpp/client_context.h>

#include <utility>
#include <vector>

namespace gischat::rpc {

PendingCalls::~PendingCalls() {
  std::unique_lock lock(mutex_);
  ending_ = true;
  const std::vector<std::pair<const grpc::ClientContext*, std::shared_ptr<grpc::ClientContext>>>
      pending(calls_.begin(), calls_.end());
  for (const auto& [key, call] : pending) {
    if (calls_.contains(key)) call->TryCancel();
  }
  none_left_.wait(lock, [this] { return calls_.empty() && going_ == 0; });
}

void PendingCalls::Add(std::shared_ptr<grpc::ClientContext> call) {
  const std::lock_guard lock(mutex_);
  const grpc::ClientContext* key = call.get();
  if (ending_) call->TryCancel();  // made by the callback of one that was cancelled
  calls_.emplace(key, std::move(call));
}

void PendingCalls::Remove(const grpc::ClientContext* call, std::shared_ptr<void> owner) {
  std::shared_ptr<grpc::ClientContext> shared;
  {
    const std::lock_guard lock(mutex_);
    const auto entry = calls_.find(call);
    shared = std::move(entry->second);
    calls_.erase(entry);
    ++going_;
  }
  shared.reset();
  owner.reset();
  const std::lock_guard lock(mutex_);
  --going_;
  if (calls_.empty() && going_ == 0) none_left_.notify_all();
}

}  // namespace gischat::rpc
