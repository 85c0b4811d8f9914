#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "absl/status/status.h"
#include "common/bus/settings.h"
#include "common/config/table.h"
#include "common/redis/client.h"
#include "common/redis/settings.h"
#include "common/rpc/server.h"
#include "services/presence/redis_presence_store.h"
#include "services/presence/service.h"
#include "services/presence/settings.h"

namespace gischat::presence {

// Everything that a replica reads from the environment.
struct ReplicaSettings {
  rpc::ServerSettings server;
  redis::Settings redis;
  bus::Settings bus;
  Settings presence;

  void Declare(config::Table& table);
};

// One of several presence servers that share a Redis: serving while Redis is there.
class Replica {
 public:
  // The loop runs from before Start() until after Stop(); it and the registry outlive the replica.
  Replica(const ReplicaSettings& settings, boost::asio::io_context& loop,
          prometheus::Registry& registry);

  absl::Status Start();  // fails when the port is taken
  void Stop();           // lets running calls end; afterwards nothing of it runs on the loop

  int port() const { return server_->port(); }  // after Start()

  // Why it can't serve now. Thread-safe.
  absl::Status Readiness() const;

 private:
  void OnRedis(bool ready);

  boost::asio::io_context& loop_;
  const rpc::ServerSettings server_settings_;
  redis::Client client_;
  RedisPresenceStore store_;
  Service service_;
  std::unique_ptr<rpc::Server> server_;
};

}  // namespace gischat::presence
