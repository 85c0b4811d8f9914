#include "common/rpc/pending_calls.h"

#include <grpcpp/client_context.h>

#include <vector>

namespace gischat::rpc {

PendingCalls::~PendingCalls() {
  std::unique_lock lock(mutex_);
  const std::vector<grpc::ClientContext*> pending(calls_.begin(), calls_.end());
  for (grpc::ClientContext* call : pending) {
    if (calls_.contains(call)) call->TryCancel();
  }
  none_left_.wait(lock, [this] { return calls_.empty(); });
}

void PendingCalls::Add(grpc::ClientContext* call) {
  const std::lock_guard lock(mutex_);
  calls_.insert(call);
}

void PendingCalls::Remove(grpc::ClientContext* call) {
  const std::lock_guard lock(mutex_);
  calls_.erase(call);
  if (calls_.empty()) none_left_.notify_all();
}

}  // namespace gischat::rpc
