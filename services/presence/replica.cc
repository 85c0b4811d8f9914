#include "services/presence/replica.h"

#include <boost/asio/post.hpp>
#include <future>
#include <utility>

#include "common/base/clock.h"

namespace gischat::presence {

void ReplicaSettings::Declare(config::Table& table) {
  server.Declare(table);
  redis.DeclareRequired(table);
  bus.Declare(table);
  presence.Declare(table);
}

Replica::Replica(const ReplicaSettings& settings, boost::asio::io_context& loop,
                 prometheus::Registry& registry)
    : loop_(loop),
      server_settings_(settings.server),
      client_(loop, settings.redis.options(), "presence", RedisPresenceStore::Scripts(), registry),
      store_(client_, settings.bus.instance, settings.bus.limits, settings.presence.time_to_live),
      service_(store_, loop, base::SystemClock(), settings.presence, registry) {}

absl::Status Replica::Start() {
  absl::StatusOr<std::unique_ptr<rpc::Server>> server =
      rpc::Server::Listen(server_settings_, {service_.grpc()});
  if (!server.ok()) return server.status();
  server_ = *std::move(server);
  client_.OnReadyChange([this](bool ready) { OnRedis(ready); });
  client_.Start();
  service_.Start();
  return absl::OkStatus();
}

void Replica::OnRedis(bool ready) {
  if (ready) service_.OnStoreBack();
  server_->SetServing(ready);
}

void Replica::Stop() {
  server_->Shutdown(absl::Seconds(5));
  service_.Stop();
  client_.Stop();
  // The client ends on the loop, and calls us a last time.
  std::promise<void> ended;
  boost::asio::post(loop_, [&ended] { ended.set_value(); });
  ended.get_future().wait();
}

absl::Status Replica::Readiness() const {
  return client_.ready() ? absl::OkStatus() : absl::UnavailableError("not connected");
}

}  // namespace gischat::presence
