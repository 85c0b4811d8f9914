#include "services/allinone/direct_backends.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "absl/time/clock.h"
#include "common/rpc/call_metrics.h"
#include "services/fanout/reader.h"
#include "services/fanout/service.h"
#include "services/moderation/service.h"
#include "services/presence/service.h"

namespace gischat::allinone {
namespace {

class DirectModeration final : public edge::clients::ModerationClient {
 public:
  DirectModeration(moderation::Service& service,
                   std::unique_ptr<edge::clients::ModerationClient> other,
                   rpc::CallMetrics& metrics)
      : service_(service), other_(std::move(other)), metrics_(metrics) {}

  void Review(std::shared_ptr<const moderation::v1::ReviewRequest> request,
              base::Callback<moderation::v1::ReviewResponse> done) override {
    other_->Review(std::move(request), std::move(done));
  }
  void ReviewAll(std::shared_ptr<const moderation::v1::ReviewBatch> batch,
                 base::Callback<moderation::v1::ReviewBatchAnswer> done) override {
    const absl::Time began = absl::Now();
    moderation::v1::ReviewBatchAnswer answer = service_.ReviewAll(*batch);
    metrics_.Observe("moderation.ReviewAll", absl::StatusCode::kOk, absl::Now() - began);
    std::move(done)(std::move(answer));
  }
  bool IsReachable() override { return true; }

 private:
  moderation::Service& service_;
  const std::unique_ptr<edge::clients::ModerationClient> other_;
  rpc::CallMetrics& metrics_;
};

class DirectPresence final : public edge::clients::PresenceClient {
 public:
  DirectPresence(presence::Service& service, std::unique_ptr<edge::clients::PresenceClient> other,
                 rpc::CallMetrics& metrics)
      : service_(service), other_(std::move(other)), metrics_(metrics) {}

  void Attach(presence::v1::AttachRequest request,
              base::Callback<presence::v1::AttachResponse> done) override {
    other_->Attach(std::move(request), std::move(done));
  }
  void Report(presence::v1::ReportRequest request,
              base::Callback<presence::v1::ReportResponse> done) override {
    service_.Report(request, Observed("presence.Report", std::move(done)));
  }
  void Detach(presence::v1::DetachRequest request,
              base::Callback<presence::v1::DetachResponse> done) override {
    other_->Detach(std::move(request), std::move(done));
  }
  void Register(presence::v1::RegisterRequest request,
                base::Callback<presence::v1::RegisterResponse> done) override {
    service_.Register(request, Observed("presence.Register", std::move(done)));
  }
  void Unregister(presence::v1::UnregisterRequest request,
                  base::Callback<presence::v1::UnregisterResponse> done) override {
    service_.Unregister(request, Observed("presence.Unregister", std::move(done)));
  }
  void ListUsers(presence::v1::ListUsersRequest request,
                 base::Callback<presence::v1::ListUsersResponse> done) override {
    other_->ListUsers(std::move(request), std::move(done));
  }
  void CountConnections(presence::v1::CountConnectionsRequest request,
                        base::Callback<presence::v1::CountConnectionsResponse> done) override {
    other_->CountConnections(std::move(request), std::move(done));
  }

 private:
  template <typename Response>
  base::Callback<Response> Observed(const char* method, base::Callback<Response> done) {
    return [&metrics = metrics_, method, began = absl::Now(),
            done = std::move(done)](absl::StatusOr<Response> answer) mutable {
      metrics.Observe(method, answer.status().code(), absl::Now() - began);
      std::move(done)(std::move(answer));
    };
  }

  presence::Service& service_;
  const std::unique_ptr<edge::clients::PresenceClient> other_;
  rpc::CallMetrics& metrics_;
};

// Brings what goes down a stream to its listener; what is put in one turn of the loop together.
class DirectReader final : public fanout::Reader,
                           public std::enable_shared_from_this<DirectReader> {
 public:
  DirectReader(boost::asio::io_context& loop,
               std::shared_ptr<edge::clients::StreamListener> listener)
      : loop_(loop), listener_(std::move(listener)) {}

  void Put(const fanout::Wire& item) override {
    response_.MergeFromString(*item);
    if (response_.items_size() > 1) return;
    boost::asio::post(loop_, [self = shared_from_this()] { self->HandOver(); });
  }
  void Beat() override {
    boost::asio::post(loop_, [self = shared_from_this()] { self->HandOver(); });
  }
  void End(absl::Status status) override {
    boost::asio::post(loop_, [self = shared_from_this(), status = std::move(status)] {
      if (const auto listener = std::exchange(self->listener_, nullptr)) listener->OnEnd(status);
    });
  }

  // On the loop.
  void Forget() { listener_.reset(); }

 private:
  void HandOver() {
    const fanout::v1::SubscribeResponse response = std::exchange(response_, {});
    if (listener_ != nullptr) listener_->OnResponse(response);
  }

  boost::asio::io_context& loop_;
  // Both are the loop's.
  std::shared_ptr<edge::clients::StreamListener> listener_;
  fanout::v1::SubscribeResponse response_;
};

class DirectFanout final : public edge::clients::FanoutClient {
 public:
  DirectFanout(fanout::Service& service, std::unique_ptr<edge::clients::FanoutClient> other,
               boost::asio::io_context& loop, rpc::CallMetrics& metrics)
      : service_(service), other_(std::move(other)), loop_(loop), metrics_(metrics) {}

  void Publish(fanout::v1::PublishRequest request, absl::Duration timeout,
               base::Callback<fanout::v1::PublishResponse> done) override {
    const absl::Time began = absl::Now();
    service_.Publish(std::move(request), began + timeout,
                     [&metrics = metrics_, began, done = std::move(done)](auto answer) mutable {
                       metrics.Observe("fanout.PublishAll", answer.status().code(),
                                       absl::Now() - began);
                       std::move(done)(std::move(answer));
                     });
  }
  void History(fanout::v1::HistoryRequest request,
               base::Callback<fanout::v1::HistoryResponse> done) override {
    other_->History(std::move(request), std::move(done));
  }
  std::unique_ptr<Stream> Subscribe(
      fanout::v1::SubscribeRequest request,
      std::shared_ptr<edge::clients::StreamListener> listener) override {
    auto reader = std::make_shared<DirectReader>(loop_, std::move(listener));
    service_.Subscribe(request, reader);
    return std::make_unique<Handle>(service_, std::move(reader));
  }

 private:
  // Made and ended on the loop.
  class Handle final : public Stream {
   public:
    Handle(fanout::Service& service, std::shared_ptr<DirectReader> reader)
        : service_(service), reader_(std::move(reader)) {}
    ~Handle() override {
      reader_->Forget();
      service_.Unsubscribe(reader_);
    }

   private:
    fanout::Service& service_;
    const std::shared_ptr<DirectReader> reader_;
  };

  fanout::Service& service_;
  const std::unique_ptr<edge::clients::FanoutClient> other_;
  boost::asio::io_context& loop_;
  rpc::CallMetrics& metrics_;
};

}  // namespace

std::unique_ptr<edge::clients::ModerationClient> MakeDirectModeration(
    moderation::Service& service, std::unique_ptr<edge::clients::ModerationClient> other,
    rpc::CallMetrics& metrics) {
  return std::make_unique<DirectModeration>(service, std::move(other), metrics);
}

std::unique_ptr<edge::clients::PresenceClient> MakeDirectPresence(
    presence::Service& service, std::unique_ptr<edge::clients::PresenceClient> other,
    rpc::CallMetrics& metrics) {
  return std::make_unique<DirectPresence>(service, std::move(other), metrics);
}

std::unique_ptr<edge::clients::FanoutClient> MakeDirectFanout(
    fanout::Service& service, std::unique_ptr<edge::clients::FanoutClient> other,
    boost::asio::io_context& loop, rpc::CallMetrics& metrics) {
  return std::make_unique<DirectFanout>(service, std::move(other), loop, metrics);
}

}  // namespace gischat::allinone
