#pragma once

#include <grpcpp/channel.h>
#include <prometheus/registry.h>

#include <memory>
#include <string>

#include "gischat/fanout/v1/fanout.grpc.pb.h"
#include "services/fanout/replica.h"
#include "tests/support/loop_thread.h"
#include "tests/support/redis_server.h"

namespace gischat::tests {

redis::Settings SettingsFor(const RedisServer& redis);

// One fanout replica with a loop of its own, and an edge's connection to it.
class ReplicaProcess {
 public:
  explicit ReplicaProcess(const redis::Settings& redis);
  ~ReplicaProcess() { Stop(); }

  bool ready() const { return replica_->Readiness().ok(); }
  void Stop() { replica_->Stop(); }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  // One attempt, for a second at most. ABORTED when it was answered, but not by PUBLISHED.
  grpc::StatusCode Publish(const fanout::v1::PublishRequest& request,
                           fanout::v1::PublishResponse* response) const;
  grpc::StatusCode Publish(const fanout::v1::PublishRequest& request) const;

  // As an edge does: again, until it is published, after a gap under the same numbers.
  bool PublishUntilDone(fanout::v1::PublishRequest request) const;

  // The sum of a metric over its labels.
  double Metric(const std::string& name) const;

 private:
  prometheus::Registry registry_;
  LoopThread loop_;
  std::unique_ptr<fanout::Replica> replica_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<fanout::v1::Fanout::Stub> stub_;
};

}  // namespace gischat::tests
