#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/time/clock.h"
#include "common/base/callback.h"
#include "common/rpc/call_metrics.h"
#include "common/rpc/pending_calls.h"
#include "common/rpc/status.h"
#include "common/trace/trace.h"

namespace gischat::rpc {

// The message that a request is about, when it is traced; null: it is not, or can't be.
template <typename Request>
const trace::Trace* TraceOf(const Request& request) {
  if constexpr (requires { request.trace(); }) {
    return request.has_trace() ? &request.trace() : nullptr;
  } else if constexpr (requires { request.message().trace(); }) {
    return request.message().has_trace() ? &request.message().trace() : nullptr;
  } else {
    return nullptr;
  }
}

// Starts one unary call of the callback API, and hands its answer or its error to `done` on a gRPC
// thread. `async` is what stub->async() returns, and must outlive the call, as must `metrics`; the
// end of `pending` ends the call.
//
//   CallUnary(stub->async(), &Presence::Stub::async::ListUsers, "presence.ListUsers",
//             absl::Milliseconds(500), metrics, pending, std::make_shared<const Request>(...),
//             std::move(done));
template <typename Async, typename Interface, typename Request, typename Response>
void CallUnary(Async* async,
               void (Interface::*method)(grpc::ClientContext*, const Request*, Response*,
                                         std::function<void(grpc::Status)>),
               std::string_view name, absl::Duration timeout, CallMetrics& metrics,
               PendingCalls& pending, std::shared_ptr<const Request> request,
               base::Callback<Response> done) {
  struct Call {
    grpc::ClientContext context;
    std::shared_ptr<const Request> request;
    Response response;
    base::Callback<Response> done;
    absl::Time began;
  };
  auto call = std::make_shared<Call>();
  call->request = std::move(request);
  call->done = std::move(done);
  call->began = absl::Now();
  if (const trace::Trace* trace = TraceOf(*call->request)) {
    call->context.AddMetadata("traceparent", trace::FormatTraceparent(*trace));  // for proxies
  }
  call->context.set_deadline(absl::ToChronoTime(call->began + timeout));
  pending.Add({call, &call->context});
  (async->*method)(&call->context, call->request.get(), &call->response,
                   [call, name, &metrics, &pending](const grpc::Status& status) mutable {
                     metrics.Observe(name, static_cast<absl::StatusCode>(status.error_code()),
                                     absl::Now() - call->began);
                     if (status.ok()) {
                       std::move(call->done)(std::move(call->response));
                     } else {
                       std::move(call->done)(FromGrpc(status));
                     }
                     const grpc::ClientContext* const context = &call->context;
                     pending.Remove(context, std::move(call));
                   });
}

}  // namespace gischat::rpc
