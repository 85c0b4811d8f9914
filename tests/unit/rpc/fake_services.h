#pragma once

#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "gischat/fanout/v1/fanout.grpc.pb.h"
#include "gischat/moderation/v1/moderation.grpc.pb.h"
#include "gischat/presence/v1/presence.grpc.pb.h"

namespace gischat::rpc {

// Counts calls and answers each with the status of `judge` (given how many came before).
class Outcomes {
 public:
  std::function<grpc::Status(int)> judge = [](int) { return grpc::Status::OK; };

  template <typename Context>
  grpc::ServerUnaryReactor* Finish(Context* context) {
    auto* reactor = context->DefaultReactor();
    reactor->Finish(judge(calls_++));
    return reactor;
  }

  int calls() const { return calls_; }

 private:
  std::atomic<int> calls_ = 0;
};

// ListUsers answers with one nickname: this server's name and the channel asked for. Register notes
// the metadata `traceparent`. Detach never answers, until it is cancelled.
class FakePresence : public presence::v1::Presence::CallbackService {
 public:
  explicit FakePresence(std::string name = "") : name_(std::move(name)) {}

  grpc::ServerUnaryReactor* ListUsers(grpc::CallbackServerContext* context,
                                      const presence::v1::ListUsersRequest* request,
                                      presence::v1::ListUsersResponse* response) override {
    response->add_nicknames(name_ + request->channel());
    return answers.Finish(context);
  }

  grpc::ServerUnaryReactor* Register(grpc::CallbackServerContext* context,
                                     const presence::v1::RegisterRequest* /*request*/,
                                     presence::v1::RegisterResponse* /*response*/) override {
    const auto [begin, end] = context->client_metadata().equal_range("traceparent");
    for (auto entry = begin; entry != end; ++entry) {
      traceparents.emplace_back(entry->second.data(), entry->second.size());
    }
    return answers.Finish(context);
  }

  grpc::ServerUnaryReactor* Detach(grpc::CallbackServerContext* /*context*/,
                                   const presence::v1::DetachRequest* /*request*/,
                                   presence::v1::DetachResponse* /*response*/) override {
    class Silence : public grpc::ServerUnaryReactor {
      void OnCancel() override { Finish(grpc::Status::CANCELLED); }
      void OnDone() override { delete this; }
    };
    detaching.Notify();
    return new Silence;
  }

  Outcomes answers;
  std::vector<std::string> traceparents;  // in the order of the calls, which do not overlap
  absl::Notification detaching;           // a Detach has begun; one per object

 private:
  const std::string name_;
};

class FakeFanout : public fanout::v1::Fanout::CallbackService {
 public:
  grpc::ServerUnaryReactor* Publish(grpc::CallbackServerContext* context,
                                    const fanout::v1::PublishRequest* /*request*/,
                                    fanout::v1::PublishResponse* /*response*/) override {
    return publishes.Finish(context);
  }

  grpc::ServerUnaryReactor* History(grpc::CallbackServerContext* context,
                                    const fanout::v1::HistoryRequest* /*request*/,
                                    fanout::v1::HistoryResponse* /*response*/) override {
    return histories.Finish(context);
  }

  Outcomes publishes;
  Outcomes histories;
};

class FakeModeration : public moderation::v1::Moderation::CallbackService {
 public:
  grpc::ServerUnaryReactor* Review(grpc::CallbackServerContext* context,
                                   const moderation::v1::ReviewRequest* /*request*/,
                                   moderation::v1::ReviewResponse* /*response*/) override {
    return reviews.Finish(context);
  }

  Outcomes reviews;
};

}  // namespace gischat::rpc
