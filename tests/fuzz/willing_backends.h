#pragma once

#include <memory>
#include <string>
#include <utility>

#include "edge/clients/backends.h"
#include "services/moderation/rules.h"

// The services behind the edge as HTTP sees them when all is well. They keep nothing of what they
// are asked, so that they serve any number of inputs.
namespace gischat::fuzz {

// Judges by the real rules.
class WillingModeration final : public edge::clients::ModerationClient {
 public:
  void Review(std::shared_ptr<const moderation::v1::ReviewRequest> request,
              base::Callback<moderation::v1::ReviewResponse> done) override {
    std::move(done)(Judge(*request));
  }
  void ReviewAll(std::shared_ptr<const moderation::v1::ReviewBatch> batch,
                 base::Callback<moderation::v1::ReviewBatchAnswer> done) override {
    moderation::v1::ReviewBatchAnswer answer;
    for (const auto& request : batch->requests()) *answer.add_answers() = Judge(request);
    std::move(done)(std::move(answer));
  }
  bool IsReachable() override { return true; }

 private:
  moderation::v1::ReviewResponse Judge(const moderation::v1::ReviewRequest& request) const {
    moderation::v1::ReviewResponse response;
    const auto faults = rules_.Judge(request.message(), request.decoding_violations());
    for (const auto& fault : faults) *response.mutable_rejected()->add_violations() = fault;
    if (faults.empty()) {
      chat::v1::ChatMessage& message = *response.mutable_accepted()->mutable_message();
      message = request.message();
      if (message.id().empty()) message.set_id("6a1f4a9e-5d1c-4b51-9f0e-3a52f1d9d0aa");
      if (!message.has_timestamp()) message.set_timestamp(1'760'000'000);
    }
    return response;
  }

  moderation::Rules rules_{{}, {"wizz"}};
};

class WillingPresence : public edge::clients::PresenceClient {
 public:
  template <typename Response>
  using Done = base::Callback<Response>;

  void Attach(presence::v1::AttachRequest, Done<presence::v1::AttachResponse> done) override {
    std::move(done)(absl::UnimplementedError("HTTP never does"));
  }
  void Report(presence::v1::ReportRequest, Done<presence::v1::ReportResponse> done) override {
    std::move(done)(absl::UnimplementedError("HTTP never does"));
  }
  void Detach(presence::v1::DetachRequest, Done<presence::v1::DetachResponse> done) override {
    std::move(done)(absl::UnimplementedError("HTTP never does"));
  }
  void Register(presence::v1::RegisterRequest, Done<presence::v1::RegisterResponse> done) override {
    std::move(done)(absl::UnimplementedError("HTTP never does"));
  }
  void Unregister(presence::v1::UnregisterRequest,
                  Done<presence::v1::UnregisterResponse> done) override {
    std::move(done)(absl::UnimplementedError("HTTP never does"));
  }
  void ListUsers(presence::v1::ListUsersRequest,
                 Done<presence::v1::ListUsersResponse> done) override {
    presence::v1::ListUsersResponse response;
    response.add_nicknames("Ada");
    response.add_nicknames("_Bob-1");
    std::move(done)(std::move(response));
  }
  void CountConnections(presence::v1::CountConnectionsRequest,
                        Done<presence::v1::CountConnectionsResponse> done) override {
    presence::v1::CountConnectionsResponse response;
    response.add_counts()->set_connections(7);  // of the first channel only
    std::move(done)(std::move(response));
  }
};

class WillingFanout : public edge::clients::FanoutClient {
 public:
  void Publish(fanout::v1::PublishRequest request, absl::Duration,
               base::Callback<fanout::v1::PublishResponse> done) override {
    fanout::v1::PublishResponse response;
    response.set_outcome(fanout::v1::PublishResponse::PUBLISHED);
    response.set_next_sequence(request.first_sequence() +
                               static_cast<uint64_t>(request.drafts_size()));
    std::move(done)(std::move(response));
  }
  void History(fanout::v1::HistoryRequest,
               base::Callback<fanout::v1::HistoryResponse> done) override {
    fanout::v1::HistoryResponse response;
    chat::v1::ChatMessage message;
    message.mutable_text()->set_text("h\u00e9llo \"all\"");
    response.mutable_snapshot()->add_history()->set_message(message.SerializeAsString());
    message.mutable_script()->set_name("clip.py");
    response.mutable_snapshot()->add_history()->set_message(message.SerializeAsString());
    response.mutable_snapshot()->add_history()->set_message("\xff");
    std::move(done)(std::move(response));
  }
  std::unique_ptr<Stream> Subscribe(fanout::v1::SubscribeRequest,
                                    std::shared_ptr<edge::clients::StreamListener>) override {
    return nullptr;  // HTTP never does
  }
};

}  // namespace gischat::fuzz
