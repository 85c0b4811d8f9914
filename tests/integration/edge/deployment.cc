#include "tests/integration/edge/deployment.h"

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <boost/asio/io_context.hpp>
#include <stdexcept>
#include <utility>

#include "common/rpc/call_metrics.h"
#include "common/rpc/channel.h"
#include "common/rpc/server.h"
#include "edge/clients/grpc_backends.h"
#include "services/fanout/service.h"
#include "services/moderation/service.h"
#include "services/presence/service.h"
#include "tests/support/ports.h"

namespace gischat::tests {
namespace {

constexpr char kAddress[] = "127.0.0.1";

std::unique_ptr<edge::Edge> MakeEdge(const Services& services, uint16_t port,
                                     boost::asio::io_context& loop, prometheus::Registry& registry,
                                     rpc::CallMetrics& calls) {
  edge::Settings settings;
  settings.address = kAddress;
  settings.port = port;
  settings.threads = 2;
  settings.drain = absl::ZeroDuration();
  const std::string target = services.target();
  return std::make_unique<edge::Edge>(
      settings,
      edge::Backends{edge::clients::MakePresenceClient(
                         rpc::MakeChannel(target, "gischat.presence.v1.Presence"), calls),
                     edge::clients::MakeModerationClient(
                         rpc::MakeChannel(target, "gischat.moderation.v1.Moderation"),
                         [] { return true; }, calls),
                     edge::clients::MakeFanoutClient(
                         rpc::MakeChannel(target, "gischat.fanout.v1.Fanout"), calls)},
      loop, registry);
}

}  // namespace

struct Services::Running {
  Running(boost::asio::io_context& loop, bus::MemoryBus& bus, presence::PresenceStore& store,
          uint16_t port)
      : moderation(moderation::Settings(), base::SystemClock(), registry),
        presence(store, loop, base::SystemClock(), presence::Settings(), registry),
        fanout(loop, bus, registry) {
    if (absl::Status status = moderation.Start(); !status.ok()) {
      throw std::runtime_error(status.ToString());
    }
    auto listening = rpc::Server::Listen(
        {kAddress, port}, {moderation.grpc_service(), presence.grpc(), fanout.grpc_service()});
    if (!listening.ok()) throw std::runtime_error(listening.status().ToString());
    server = *std::move(listening);
    presence.Start();
    fanout.Start();
    server->SetServing(true);
  }
  ~Running() {
    server->Shutdown(absl::ZeroDuration());
    fanout.Stop();
    presence.Stop();
  }

  prometheus::Registry registry;
  moderation::Service moderation;
  presence::Service presence;
  fanout::Service fanout;
  std::unique_ptr<rpc::Server> server;
};

Services::Services()
    : bus_(loop_.loop(), bus::Limits()),
      store_(bus_, base::SystemClock(), presence::Settings().time_to_live),
      port_(FreePort()) {
  Start();
}

Services::~Services() {
  Stop();
  loop_.Stop();
}

void Services::Start() { running_ = std::make_unique<Running>(loop_.loop(), bus_, store_, port_); }

void Services::Stop() { running_.reset(); }

std::string Services::target() const {
  return "ipv4:" + std::string(kAddress) + ":" + std::to_string(port_);
}

RunningEdge::RunningEdge(const Services& services)
    : registry_(std::make_unique<prometheus::Registry>()),
      calls_(std::make_unique<rpc::CallMetrics>(*registry_)) {
  port_ = FreePort();
  edge_ = MakeEdge(services, port_, loop_.loop(), *registry_, *calls_);
  if (absl::Status status = edge_->Start(); !status.ok()) {
    throw std::runtime_error(status.ToString());
  }
}

RunningEdge::~RunningEdge() {
  Stop();
  edge_.reset();
  loop_.Stop();
}

void RunningEdge::Stop() { edge_->Stop(); }

absl::Status RunningEdge::TryToStart(const Services& services, uint16_t port) {
  LoopThread loop;
  prometheus::Registry registry;
  rpc::CallMetrics calls(registry);
  const auto edge = MakeEdge(services, port, loop.loop(), registry, calls);
  return edge->Start();
}

}  // namespace gischat::tests
