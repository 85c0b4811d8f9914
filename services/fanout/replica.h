#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "absl/status/status.h"
#include "common/bus/settings.h"
#include "common/redis/settings.h"
#include "common/rpc/server.h"

namespace prometheus {
class Registry;
}

namespace gischat::fanout {

// What a replica reads from the environment.
struct ReplicaSettings {
  rpc::ServerSettings server;
  redis::Settings redis;
  bus::Settings bus;

  void Declare(config::Table& table);
};

// One fanout process among others: the service over Redis, behind a gRPC server whose health
// follows the connection to Redis.
class Replica {
 public:
  // Loop and registry outlive the replica; the loop runs (or is stopped) when it ends.
  Replica(ReplicaSettings settings, boost::asio::io_context& loop, prometheus::Registry& registry);
  ~Replica();

  absl::Status Start();  // fails when the port is taken
  void Stop();           // ends the streams so that edges resume elsewhere, then the server
  absl::Status Readiness() const;
  int port() const;

 private:
  class Parts;
  const ReplicaSettings settings_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace gischat::fanout
