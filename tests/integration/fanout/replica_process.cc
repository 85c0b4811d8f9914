#include "tests/integration/fanout/replica_process.h"

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include "common/rpc/server.h"
#include "tests/support/wait_until.h"

namespace gischat::tests {

namespace v1 = fanout::v1;

redis::Settings SettingsFor(const RedisServer& redis) {
  redis::Settings settings;
  settings.url = redis.url();
  return settings;
}

ReplicaProcess::ReplicaProcess(const redis::Settings& redis) {
  fanout::ReplicaSettings settings;
  settings.server.port = 0;
  settings.redis = redis;
  replica_ = std::make_unique<fanout::Replica>(settings, loop_.loop(), registry_);
  EXPECT_TRUE(replica_->Start().ok());
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(rpc::kMaxMessageBytes);
  channel_ = grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(replica_->port()),
                                       grpc::InsecureChannelCredentials(), arguments);
  stub_ = v1::Fanout::NewStub(channel_);
}

grpc::StatusCode ReplicaProcess::Publish(const v1::PublishRequest& request,
                                         v1::PublishResponse* response) const {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(1));
  const grpc::Status status = stub_->Publish(&context, request, response);
  if (status.ok() && response->outcome() != v1::PublishResponse::PUBLISHED) {
    return grpc::StatusCode::ABORTED;
  }
  return status.error_code();
}

grpc::StatusCode ReplicaProcess::Publish(const v1::PublishRequest& request) const {
  v1::PublishResponse response;
  return Publish(request, &response);
}

bool ReplicaProcess::PublishUntilDone(v1::PublishRequest request) const {
  return WaitUntil(
      [&] {
        v1::PublishResponse response;
        const grpc::StatusCode code = Publish(request, &response);
        if (response.outcome() == v1::PublishResponse::GAP) request.set_after_gap(true);
        return code == grpc::StatusCode::OK;
      },
      absl::Seconds(20));
}

double ReplicaProcess::Metric(const std::string& name) const {
  double sum = 0;
  for (const prometheus::MetricFamily& family : registry_.Collect()) {
    if (family.name != name) continue;
    for (const prometheus::ClientMetric& metric : family.metric) {
      sum += metric.counter.value + metric.gauge.value;
    }
  }
  return sum;
}

}  // namespace gischat::tests
