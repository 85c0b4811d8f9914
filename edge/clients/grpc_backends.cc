#include "edge/clients/grpc_backends.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <array>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/rpc/call_metrics.h"
#include "common/rpc/pipeline.h"
#include "common/rpc/unary_call.h"
#include "gischat/fanout/v1/fanout.grpc.pb.h"
#include "gischat/moderation/v1/moderation.grpc.pb.h"
#include "gischat/presence/v1/presence.grpc.pb.h"

namespace gischat::edge::clients {
namespace {

// Of one review: several attempts, each most likely at another replica, so that one that hangs
// costs little.
constexpr std::array kReviewAttempts = {absl::Milliseconds(300), absl::Milliseconds(600),
                                        absl::Milliseconds(1100)};
// An image may wait for its turn before the 5 s of its decoding begin.
constexpr absl::Duration kImageReviewTimeout = absl::Seconds(35);
constexpr absl::Duration kPresenceTimeout = absl::Milliseconds(500);
constexpr absl::Duration kHistoryTimeout = absl::Seconds(2);

class GrpcModerationClient final : public ModerationClient {
 public:
  using ReviewRequest = moderation::v1::ReviewRequest;
  using ReviewResponse = moderation::v1::ReviewResponse;

  GrpcModerationClient(std::shared_ptr<grpc::Channel> channel, std::function<bool()> is_reachable,
                       rpc::CallMetrics& metrics)
      : is_reachable_(std::move(is_reachable)),
        stub_(moderation::v1::Moderation::NewStub(channel)),
        metrics_(metrics),
        batches_(
            [this](auto* context, auto* reactor) { stub_->async()->ReviewAll(context, reactor); },
            "moderation.ReviewAll", metrics, pending_) {
    metrics.Declare("moderation.Review");
  }

  void Review(std::shared_ptr<const ReviewRequest> request,
              base::Callback<ReviewResponse> done) override {
    if (request->message().has_image()) {
      return Call(kImageReviewTimeout, std::move(request), std::move(done));
    }
    Attempt<ReviewResponse>(
        0,
        [this, request = std::move(request)](absl::Duration timeout, auto answered) {
          Call(timeout, request, std::move(answered));
        },
        std::move(done));
  }

  void ReviewAll(std::shared_ptr<const moderation::v1::ReviewBatch> batch,
                 base::Callback<moderation::v1::ReviewBatchAnswer> done) override {
    Attempt<moderation::v1::ReviewBatchAnswer>(
        0,
        [this, batch = std::move(batch)](absl::Duration timeout, auto answered) {
          batches_.Call(batch, timeout, std::move(answered));
        },
        std::move(done));
  }

  bool IsReachable() override { return is_reachable_(); }

 private:
  using Async = moderation::v1::Moderation::StubInterface::async_interface;

  // Makes the call, and makes it again when there is no answer in time.
  template <typename Response, typename Make>
  static void Attempt(size_t number, Make make, base::Callback<Response> done) {
    if (number + 1 == kReviewAttempts.size()) return make(kReviewAttempts[number], std::move(done));
    make(kReviewAttempts[number],
         base::Callback<Response>(
             [number, make, done = std::move(done)](absl::StatusOr<Response> answer) mutable {
               if (!absl::IsDeadlineExceeded(answer.status())) {
                 return std::move(done)(std::move(answer));
               }
               Attempt<Response>(number + 1, std::move(make), std::move(done));
             }));
  }

  void Call(absl::Duration timeout, std::shared_ptr<const ReviewRequest> request,
            base::Callback<ReviewResponse> done) {
    rpc::CallUnary(stub_->async(), &Async::Review, "moderation.Review", timeout, metrics_, pending_,
                   std::move(request), std::move(done));
  }

  const std::function<bool()> is_reachable_;
  std::unique_ptr<moderation::v1::Moderation::Stub> stub_;
  rpc::CallMetrics& metrics_;
  rpc::Pipeline<moderation::v1::ReviewBatch, moderation::v1::ReviewBatchAnswer> batches_;
  rpc::PendingCalls pending_;  // ends first
};

class GrpcPresenceClient final : public PresenceClient {
 public:
  GrpcPresenceClient(std::shared_ptr<grpc::Channel> channel, rpc::CallMetrics& metrics)
      : stub_(presence::v1::Presence::NewStub(channel)), metrics_(metrics) {
    for (const char* method : {"Attach", "Report", "Detach", "Register", "Unregister", "ListUsers",
                               "CountConnections"}) {
      metrics.Declare(absl::StrCat("presence.", method));
    }
  }

  void Attach(presence::v1::AttachRequest request,
              base::Callback<presence::v1::AttachResponse> done) override {
    Call(&Async::Attach, "presence.Attach", std::move(request), std::move(done));
  }
  void Report(presence::v1::ReportRequest request,
              base::Callback<presence::v1::ReportResponse> done) override {
    Call(&Async::Report, "presence.Report", std::move(request), std::move(done));
  }
  void Detach(presence::v1::DetachRequest request,
              base::Callback<presence::v1::DetachResponse> done) override {
    Call(&Async::Detach, "presence.Detach", std::move(request), std::move(done));
  }
  void Register(presence::v1::RegisterRequest request,
                base::Callback<presence::v1::RegisterResponse> done) override {
    Call(&Async::Register, "presence.Register", std::move(request), std::move(done));
  }
  void Unregister(presence::v1::UnregisterRequest request,
                  base::Callback<presence::v1::UnregisterResponse> done) override {
    Call(&Async::Unregister, "presence.Unregister", std::move(request), std::move(done));
  }
  void ListUsers(presence::v1::ListUsersRequest request,
                 base::Callback<presence::v1::ListUsersResponse> done) override {
    Call(&Async::ListUsers, "presence.ListUsers", std::move(request), std::move(done));
  }
  void CountConnections(presence::v1::CountConnectionsRequest request,
                        base::Callback<presence::v1::CountConnectionsResponse> done) override {
    Call(&Async::CountConnections, "presence.CountConnections", std::move(request),
         std::move(done));
  }

 private:
  using Async = presence::v1::Presence::StubInterface::async_interface;

  template <typename Request, typename Response>
  void Call(void (Async::*method)(grpc::ClientContext*, const Request*, Response*,
                                  std::function<void(grpc::Status)>),
            std::string_view name, Request request, base::Callback<Response> done) {
    rpc::CallUnary(stub_->async(), method, name, kPresenceTimeout, metrics_, pending_,
                   std::make_shared<const Request>(std::move(request)), std::move(done));
  }

  std::unique_ptr<presence::v1::Presence::Stub> stub_;
  rpc::CallMetrics& metrics_;
  rpc::PendingCalls pending_;  // ends first
};

// One Subscribe call. Deletes itself when gRPC is done with it; the handle only cuts it off from
// its listener, and the end of `pending` ends it.
class EventReader final : public grpc::ClientReadReactor<fanout::v1::SubscribeResponse>,
                          public std::enable_shared_from_this<EventReader> {
 public:
  EventReader(fanout::v1::SubscribeRequest request, std::shared_ptr<StreamListener> listener,
              rpc::PendingCalls& pending)
      : pending_(pending), request_(std::move(request)), listener_(std::move(listener)) {}

  void Start(fanout::v1::Fanout::Stub& stub) {
    self_ = shared_from_this();
    pending_.Add({self_, &context_});
    stub.async()->Subscribe(&context_, &request_, this);
    StartRead(&response_);
    StartCall();
  }

  void Cancel() {
    ForgetListener();
    context_.TryCancel();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    if (const auto listener = CurrentListener()) listener->OnResponse(response_);
    response_.Clear();
    StartRead(&response_);
  }

  void OnDone(const grpc::Status& status) override {
    if (const auto listener = CurrentListener()) listener->OnEnd(rpc::FromGrpc(status));
    ForgetListener();
    pending_.Remove(&context_, std::move(self_));  // the end of this
  }

 private:
  std::shared_ptr<StreamListener> CurrentListener() {
    const std::lock_guard lock(mutex_);
    return listener_;
  }

  void ForgetListener() {
    const std::lock_guard lock(mutex_);
    listener_.reset();
  }

  rpc::PendingCalls& pending_;
  std::shared_ptr<EventReader> self_;  // until OnDone
  grpc::ClientContext context_;
  fanout::v1::SubscribeRequest request_;
  fanout::v1::SubscribeResponse response_;
  std::mutex mutex_;  // guards listener_
  std::shared_ptr<StreamListener> listener_;
};

class GrpcFanoutClient final : public FanoutClient {
 public:
  GrpcFanoutClient(std::shared_ptr<grpc::Channel> channel, rpc::CallMetrics& metrics)
      : stub_(fanout::v1::Fanout::NewStub(channel)),
        metrics_(metrics),
        publishes_(
            [this](auto* context, auto* reactor) { stub_->async()->PublishAll(context, reactor); },
            "fanout.PublishAll", metrics, pending_) {
    metrics.Declare("fanout.History");
  }

  void Publish(fanout::v1::PublishRequest request, absl::Duration timeout,
               base::Callback<fanout::v1::PublishResponse> done) override {
    auto message = std::make_shared<fanout::v1::PublishAllRequest>();
    *message->mutable_publish() = std::move(request);
    message->set_timeout_us(static_cast<uint64_t>(absl::ToInt64Microseconds(timeout)));
    publishes_.Call(std::move(message), timeout, [done = std::move(done)](auto answer) mutable {
      if (!answer.ok()) return std::move(done)(answer.status());
      if (answer->code() == 0) {
        return std::move(done)(std::move(*answer->mutable_published()));
      }
      std::move(done)(absl::Status(static_cast<absl::StatusCode>(answer->code()), answer->error()));
    });
  }

  void History(fanout::v1::HistoryRequest request,
               base::Callback<fanout::v1::HistoryResponse> done) override {
    rpc::CallUnary(stub_->async(), &Async::History, "fanout.History", kHistoryTimeout, metrics_,
                   pending_, std::make_shared<const fanout::v1::HistoryRequest>(std::move(request)),
                   std::move(done));
  }

  std::unique_ptr<Stream> Subscribe(fanout::v1::SubscribeRequest request,
                                    std::shared_ptr<StreamListener> listener) override {
    auto reader = std::make_shared<EventReader>(std::move(request), std::move(listener), pending_);
    reader->Start(*stub_);
    return std::make_unique<Handle>(std::move(reader));
  }

 private:
  using Async = fanout::v1::Fanout::StubInterface::async_interface;

  class Handle final : public Stream {
   public:
    explicit Handle(std::shared_ptr<EventReader> reader) : reader_(std::move(reader)) {}
    ~Handle() override { reader_->Cancel(); }

   private:
    std::shared_ptr<EventReader> reader_;
  };

  std::unique_ptr<fanout::v1::Fanout::Stub> stub_;
  rpc::CallMetrics& metrics_;
  rpc::Pipeline<fanout::v1::PublishAllRequest, fanout::v1::PublishAllResponse> publishes_;
  rpc::PendingCalls pending_;  // ends first
};

}  // namespace

std::unique_ptr<ModerationClient> MakeModerationClient(std::shared_ptr<grpc::Channel> channel,
                                                       std::function<bool()> is_reachable,
                                                       rpc::CallMetrics& metrics) {
  return std::make_unique<GrpcModerationClient>(std::move(channel), std::move(is_reachable),
                                                metrics);
}

std::unique_ptr<PresenceClient> MakePresenceClient(std::shared_ptr<grpc::Channel> channel,
                                                   rpc::CallMetrics& metrics) {
  return std::make_unique<GrpcPresenceClient>(std::move(channel), metrics);
}

std::unique_ptr<FanoutClient> MakeFanoutClient(std::shared_ptr<grpc::Channel> channel,
                                               rpc::CallMetrics& metrics) {
  return std::make_unique<GrpcFanoutClient>(std::move(channel), metrics);
}

}  // namespace gischat::edge::clients
