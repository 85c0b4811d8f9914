#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace grpc {
class ClientContext;
}

namespace gischat::rpc {

// The calls of one client that have no answer yet. Its end cancels them and waits until their
// callbacks have returned, so that what these use may be destroyed afterwards. What a callback
// calls meanwhile is cancelled too. Thread-safe.
class PendingCalls {
 public:
  PendingCalls() = default;
  ~PendingCalls();

  PendingCalls(const PendingCalls&) = delete;
  PendingCalls& operator=(const PendingCalls&) = delete;

  // Shares the call's context: a cancelled call may end, and let its context go, before TryCancel()
  // has returned from it. Add it before the call begins.
  void Add(std::shared_ptr<grpc::ClientContext> call);
  // `owner`: the last that holds the context, apart from this. It goes before the end of this can
  // return: a context holds its channel, and a thread of gRPC that lets go of the last channel of a
  // process ends the threads of gRPC, itself among them (1.51).
  void Remove(const grpc::ClientContext* call, std::shared_ptr<void> owner);

 private:
  std::recursive_mutex mutex_;  // a cancelled call may end within TryCancel()
  std::condition_variable_any none_left_;
  bool ending_ = false;
  size_t going_ = 0;  // removed, but their owners may still be there
  std::unordered_map<const grpc::ClientContext*, std::shared_ptr<grpc::ClientContext>> calls_;
};

}  // namespace gischat::rpc
