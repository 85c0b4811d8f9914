#include "services/fanout/replica.h"

#include <atomic>
#include <utility>

#include "common/bus/redis_bus.h"
#include "common/redis/client.h"
#include "common/redis/subscriber.h"
#include "services/fanout/service.h"

namespace gischat::fanout {
namespace {

constexpr absl::Duration kGrace = absl::Seconds(5);  // for calls that run when we are to stop

}  // namespace

void ReplicaSettings::Declare(config::Table& table) {
  server.Declare(table);
  redis.DeclareRequired(table);
  bus.Declare(table);
}

class Replica::Parts {
 public:
  Parts(const ReplicaSettings& settings, boost::asio::io_context& loop,
        prometheus::Registry& registry)
      : client(loop, settings.redis.options(), "gischat-fanout", bus::RedisBus::Scripts(),
               registry),
        subscriber(loop, settings.redis.options(), "gischat-fanout-messages", client, registry),
        bus(loop, client, subscriber, settings.bus.instance, settings.bus.limits),
        service(loop, bus, registry) {}

  redis::Client client;
  redis::Subscriber subscriber;
  bus::RedisBus bus;
  Service service;
  std::unique_ptr<rpc::Server> server;
  std::atomic<bool> stopping = false;
};

Replica::Replica(ReplicaSettings settings, boost::asio::io_context& loop,
                 prometheus::Registry& registry)
    : settings_(std::move(settings)), parts_(std::make_unique<Parts>(settings_, loop, registry)) {}

Replica::~Replica() { Stop(); }

absl::Status Replica::Start() {
  auto server = rpc::Server::Listen(settings_.server, {parts_->service.grpc_service()});
  if (!server.ok()) return server.status();
  parts_->server = *std::move(server);
  parts_->client.OnReadyChange([parts = parts_.get()](bool ready) {
    if (!parts->stopping) parts->server->SetServing(ready);
  });
  parts_->service.Start();
  parts_->client.Start();
  parts_->subscriber.Start();
  return absl::OkStatus();
}

void Replica::Stop() {
  if (parts_->server == nullptr || parts_->stopping.exchange(true)) return;
  parts_->server->SetServing(false);
  parts_->service.EndStreams();
  parts_->server->Shutdown(kGrace);
  parts_->service.Stop();
  parts_->subscriber.Stop();
  parts_->client.Stop();
}

absl::Status Replica::Readiness() const {
  if (parts_->client.ready()) return absl::OkStatus();
  return absl::UnavailableError("not connected to Redis");
}

int Replica::port() const { return parts_->server == nullptr ? 0 : parts_->server->port(); }

}  // namespace gischat::fanout
