#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/callback.h"
#include "edge/clients/backends.h"

// The services behind the edge as tests want them: a call waits until the test answers it, or is
// answered at once by what the test has set.
namespace gischat::tests {

// The calls of one method, in order. Thread-safe; answers are given with no lock held.
template <typename Request, typename Response>
class FakeMethod {
 public:
  using Answerer = std::function<absl::StatusOr<Response>(const Request&)>;

  void Call(Request request, base::Callback<Response> done) {
    Answerer answerer;
    {
      const std::lock_guard lock(mutex_);
      calls_.push_back({request, nullptr});
      if (!answerer_) {
        calls_.back().done = std::move(done);
        return;
      }
      answerer = answerer_;
    }
    std::move(done)(answerer(request));
  }

  // From now on calls are answered at once; null: they wait again.
  void AnswerAtOnce(Answerer answerer) {
    const std::lock_guard lock(mutex_);
    answerer_ = std::move(answerer);
  }

  // Calls so far, answered or not.
  size_t size() const {
    const std::lock_guard lock(mutex_);
    return calls_.size();
  }

  // The call of that number, from 0.
  Request request(size_t number) const {
    const std::lock_guard lock(mutex_);
    return calls_.at(number).request;
  }
  Request last() const { return request(size() - 1); }

  bool is_waiting(size_t number) const {
    const std::lock_guard lock(mutex_);
    return calls_.at(number).done != nullptr;
  }

  // At most once per call.
  void Answer(size_t number, absl::StatusOr<Response> response) {
    base::Callback<Response> done;
    {
      const std::lock_guard lock(mutex_);
      done = std::exchange(calls_.at(number).done, nullptr);
    }
    if (done == nullptr) throw std::logic_error("the test answers a call that was answered");
    std::move(done)(std::move(response));
  }
  void AnswerLast(absl::StatusOr<Response> response) { Answer(size() - 1, std::move(response)); }

 private:
  struct Made {
    Request request;
    base::Callback<Response> done;  // null once answered
  };

  mutable std::mutex mutex_;
  std::deque<Made> calls_;
  Answerer answerer_;
};

class FakeModeration final : public edge::clients::ModerationClient {
 public:
  void Review(std::shared_ptr<const moderation::v1::ReviewRequest> request,
              base::Callback<moderation::v1::ReviewResponse> done) override {
    reviews.Call(*request, std::move(done));
  }
  // Each request is a call of `reviews`; the first error is that of the batch.
  void ReviewAll(std::shared_ptr<const moderation::v1::ReviewBatch> batch,
                 base::Callback<moderation::v1::ReviewBatchAnswer> done) override {
    ++batches;
    auto gathered = std::make_shared<Gathered>();
    gathered->missing = batch->requests_size();
    gathered->done = std::move(done);
    for (int i = 0; i < batch->requests_size(); ++i) gathered->answer.add_answers();
    for (int i = 0; i < batch->requests_size(); ++i) {
      reviews.Call(batch->requests(i), [gathered, i](auto answer) {
        if (answer.ok()) {
          *gathered->answer.mutable_answers(i) = *std::move(answer);
        } else {
          gathered->status.Update(answer.status());
        }
        if (--gathered->missing > 0) return;
        if (gathered->status.ok()) {
          std::move(gathered->done)(std::move(gathered->answer));
        } else {
          std::move(gathered->done)(gathered->status);
        }
      });
    }
  }
  bool IsReachable() override { return reachable; }

  // Accepts what the decoder found nothing wrong with; stores everything but newcomers and likes.
  static absl::StatusOr<moderation::v1::ReviewResponse> Judge(
      const moderation::v1::ReviewRequest& request) {
    moderation::v1::ReviewResponse response;
    if (!request.decoding_violations().empty()) {
      *response.mutable_rejected()->mutable_violations() = request.decoding_violations();
      return response;
    }
    chat::v1::ChatMessage& message = *response.mutable_accepted()->mutable_message();
    message = request.message();
    if (message.id().empty()) message.set_id("6a1f4a9e-5d1c-4b51-9f0e-3a52f1d9d0aa");
    if (!message.has_timestamp()) message.set_timestamp(1'760'000'000);
    response.mutable_accepted()->set_stored(!message.has_newcomer() && !message.has_like());
    return response;
  }

  FakeMethod<moderation::v1::ReviewRequest, moderation::v1::ReviewResponse> reviews;
  std::atomic<int> batches = 0;  // so far
  bool reachable = true;

 private:
  struct Gathered {
    int missing = 0;
    absl::Status status;
    moderation::v1::ReviewBatchAnswer answer;
    base::Callback<moderation::v1::ReviewBatchAnswer> done;
  };
};

class FakePresence final : public edge::clients::PresenceClient {
 public:
  void Attach(presence::v1::AttachRequest request,
              base::Callback<presence::v1::AttachResponse> done) override {
    attaches.Call(std::move(request), std::move(done));
  }
  void Report(presence::v1::ReportRequest request,
              base::Callback<presence::v1::ReportResponse> done) override {
    reports.Call(std::move(request), std::move(done));
  }
  void Detach(presence::v1::DetachRequest request,
              base::Callback<presence::v1::DetachResponse> done) override {
    detaches.Call(std::move(request), std::move(done));
  }
  void Register(presence::v1::RegisterRequest request,
                base::Callback<presence::v1::RegisterResponse> done) override {
    registers.Call(std::move(request), std::move(done));
  }
  void Unregister(presence::v1::UnregisterRequest request,
                  base::Callback<presence::v1::UnregisterResponse> done) override {
    unregisters.Call(std::move(request), std::move(done));
  }
  void ListUsers(presence::v1::ListUsersRequest request,
                 base::Callback<presence::v1::ListUsersResponse> done) override {
    lists.Call(std::move(request), std::move(done));
  }
  void CountConnections(presence::v1::CountConnectionsRequest request,
                        base::Callback<presence::v1::CountConnectionsResponse> done) override {
    counts.Call(std::move(request), std::move(done));
  }

  // The lease that an edge gets.
  static presence::v1::AttachResponse Attached(const std::string& lease,
                                               uint32_t renew_every_ms = 2000) {
    presence::v1::AttachResponse response;
    response.set_lease(lease);
    response.set_time_to_live_ms(9000);
    response.set_renew_every_ms(renew_every_ms);
    return response;
  }

  // What presence says to a report when nobody else is there.
  static presence::v1::ReportResponse Counted(const presence::v1::ReportRequest& request,
                                              bool known = true) {
    presence::v1::ReportResponse response;
    for (const presence::v1::Holding& holding : request.holdings()) {
      presence::v1::ChannelCount& count = *response.add_counts();
      count.set_channel(holding.channel());
      count.set_connections(holding.connections());
      count.set_revision(request.sequence());
      count.set_known(known);
    }
    return response;
  }

  static presence::v1::RegisterResponse Outcome(presence::v1::RegisterResponse::Outcome outcome) {
    presence::v1::RegisterResponse response;
    response.set_outcome(outcome);
    return response;
  }

  // From now on leases, reports and releases are answered at once; claims wait.
  void AnswerLease() {
    attaches.AnswerAtOnce([](const auto&) { return Attached("lease"); });
    reports.AnswerAtOnce([](const auto& request) { return Counted(request); });
    detaches.AnswerAtOnce([](const auto&) { return presence::v1::DetachResponse(); });
    unregisters.AnswerAtOnce([](const auto&) {
      presence::v1::UnregisterResponse response;
      response.set_released(true);
      return response;
    });
  }

  FakeMethod<presence::v1::AttachRequest, presence::v1::AttachResponse> attaches;
  FakeMethod<presence::v1::ReportRequest, presence::v1::ReportResponse> reports;
  FakeMethod<presence::v1::DetachRequest, presence::v1::DetachResponse> detaches;
  FakeMethod<presence::v1::RegisterRequest, presence::v1::RegisterResponse> registers;
  FakeMethod<presence::v1::UnregisterRequest, presence::v1::UnregisterResponse> unregisters;
  FakeMethod<presence::v1::ListUsersRequest, presence::v1::ListUsersResponse> lists;
  FakeMethod<presence::v1::CountConnectionsRequest, presence::v1::CountConnectionsResponse> counts;
};

class FakeFanout final : public edge::clients::FanoutClient {
 public:
  // One event stream: the test speaks through its listener.
  struct Opened {
    fanout::v1::SubscribeRequest request;
    std::shared_ptr<edge::clients::StreamListener> listener;
    std::shared_ptr<bool> cancelled;
  };

  void Publish(fanout::v1::PublishRequest request, absl::Duration timeout,
               base::Callback<fanout::v1::PublishResponse> done) override {
    {
      const std::lock_guard lock(mutex_);
      timeouts_.push_back(timeout);
    }
    publishes.Call(std::move(request), std::move(done));
  }
  void History(fanout::v1::HistoryRequest request,
               base::Callback<fanout::v1::HistoryResponse> done) override {
    histories.Call(std::move(request), std::move(done));
  }
  std::unique_ptr<Stream> Subscribe(
      fanout::v1::SubscribeRequest request,
      std::shared_ptr<edge::clients::StreamListener> listener) override {
    auto cancelled = std::make_shared<bool>(false);
    const std::lock_guard lock(mutex_);
    streams_.push_back({std::move(request), std::move(listener), cancelled});
    return std::make_unique<Handle>(std::move(cancelled));
  }

  // Everything of the batch stands in the channel.
  static fanout::v1::PublishResponse Published(const fanout::v1::PublishRequest& request) {
    fanout::v1::PublishResponse response;
    response.set_outcome(fanout::v1::PublishResponse::PUBLISHED);
    response.set_next_sequence(request.first_sequence() +
                               static_cast<uint64_t>(request.drafts_size()));
    return response;
  }
  static fanout::v1::PublishResponse Outcome(fanout::v1::PublishResponse::Outcome outcome) {
    fanout::v1::PublishResponse response;
    response.set_outcome(outcome);
    return response;
  }

  absl::Duration timeout(size_t number) const {
    const std::lock_guard lock(mutex_);
    return timeouts_.at(number);
  }
  size_t streams() const {
    const std::lock_guard lock(mutex_);
    return streams_.size();
  }
  Opened stream(size_t number) const {
    const std::lock_guard lock(mutex_);
    return streams_.at(number);
  }

  FakeMethod<fanout::v1::PublishRequest, fanout::v1::PublishResponse> publishes;
  FakeMethod<fanout::v1::HistoryRequest, fanout::v1::HistoryResponse> histories;

 private:
  class Handle final : public Stream {
   public:
    explicit Handle(std::shared_ptr<bool> cancelled) : cancelled_(std::move(cancelled)) {}
    ~Handle() override { *cancelled_ = true; }

   private:
    std::shared_ptr<bool> cancelled_;
  };

  mutable std::mutex mutex_;
  std::deque<Opened> streams_;
  std::deque<absl::Duration> timeouts_;
};

}  // namespace gischat::tests
