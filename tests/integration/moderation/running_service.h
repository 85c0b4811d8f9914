#pragma once

#include <grpcpp/create_channel.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/rpc/server.h"
#include "gischat/moderation/v1/moderation.grpc.pb.h"
#include "services/moderation/base64.h"
#include "services/moderation/service.h"
#include "tests/support/manual_clock.h"

namespace gischat::moderation {

// A moderation service on a port of its own.
class RunningService {
 public:
  explicit RunningService(const Settings& settings = {}) : service_(settings, clock_, registry_) {
    if (const absl::Status status = service_.Start(); !status.ok()) {
      throw std::runtime_error(status.ToString());
    }
    auto server =
        rpc::Server::Listen({.address = "127.0.0.1", .port = 0}, {service_.grpc_service()});
    if (!server.ok()) throw std::runtime_error(server.status().ToString());
    server_ = *std::move(server);
    server_->SetServing(true);
  }

  std::unique_ptr<v1::Moderation::Stub> NewStub() const {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
    return v1::Moderation::NewStub(
        grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", server_->port()),
                                  grpc::InsecureChannelCredentials(), arguments));
  }

  // A line of the metrics page without its value, e.g. `name{label="x"}`; its value, or -1.
  double Metric(const std::string& line) const {
    const std::string page = prometheus::TextSerializer().Serialize(registry_.Collect());
    const std::string start = absl::StrCat("\n", line, " ");
    const size_t at = page.find(start);
    return at == std::string::npos ? -1 : std::stod(page.substr(at + start.size()));
  }

  void Apply(const Settings& settings) { service_.Apply(settings); }
  tests::ManualClock& clock() { return clock_; }
  rpc::Server& server() { return *server_; }

 private:
  tests::ManualClock clock_;
  prometheus::Registry registry_;
  Service service_;
  std::unique_ptr<rpc::Server> server_;
};

// One blocking review.
struct Answer {
  grpc::Status status;
  v1::ReviewResponse response;
};

inline Answer Review(v1::Moderation::Stub& stub, const v1::ReviewRequest& request,
                     absl::Duration patience = absl::Seconds(60)) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + patience));
  Answer answer;
  answer.status = stub.Review(&context, request, &answer.response);
  return answer;
}

inline v1::ReviewRequest TextRequest(const std::string& text) {
  v1::ReviewRequest request;
  request.mutable_message()->mutable_text()->set_author("ada");
  request.mutable_message()->mutable_text()->set_text(text);
  return request;
}

inline v1::ReviewRequest ImageRequest(const std::string& file) {
  v1::ReviewRequest request;
  request.mutable_message()->mutable_image()->set_author("ada");
  request.mutable_message()->mutable_image()->set_image_data(EncodeBase64(file));
  return request;
}

}  // namespace gischat::moderation
