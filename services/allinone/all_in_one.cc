#include "services/allinone/all_in_one.h"

#include <atomic>
#include <utility>

#include "common/base/clock.h"
#include "common/rpc/call_metrics.h"
#include "common/rpc/server.h"
#include "edge/clients/grpc_backends.h"
#include "edge/edge.h"
#include "services/allinone/direct_backends.h"
#include "services/allinone/stores.h"
#include "services/fanout/service.h"
#include "services/moderation/service.h"
#include "services/presence/service.h"

namespace gischat::allinone {
namespace {

constexpr absl::Duration kCallsEnd = absl::Seconds(2);

// The limits are declared once, and both the edge and moderation go by them.
Settings WithSharedLimits(Settings settings) {
  settings.edge.limits = settings.moderation.limits;
  return settings;
}

}  // namespace

void Settings::Declare(config::Table& table) {
  edge.Declare(table);
  moderation.Declare(table);
  presence.Declare(table);
  redis.Declare(table);
  bus.Declare(table);
}

class AllInOne::Parts {
 public:
  Parts(const Settings& settings, boost::asio::io_context& loop, prometheus::Registry& registry)
      : stores_(MakeStores(settings.redis, settings.bus, settings.presence, loop, registry)),
        moderation_(settings.moderation, base::SystemClock(), registry),
        presence_(stores_->presence(), loop, base::SystemClock(), settings.presence, registry),
        fanout_(loop, stores_->bus(), registry),
        server_(rpc::Server::InProcess(
            {moderation_.grpc_service(), presence_.grpc(), fanout_.grpc_service()})),
        calls_(registry),
        edge_(settings.edge, MakeBackends(loop), loop, registry) {}

  absl::Status Start() {
    if (absl::Status status = moderation_.Start(); !status.ok()) return status;
    stores_->Start([this](bool ready) {
      if (ready) presence_.OnStoreBack();
      stores_ready_ = ready;
    });
    presence_.Start();
    fanout_.Start();
    absl::Status started = edge_.Start();
    if (!started.ok()) StopServices();
    return started;
  }

  void Stop() {
    edge_.Stop();
    StopServices();
  }

  void Apply(const Settings& settings) {
    moderation_.Apply(settings.moderation);
    edge_.Apply(settings.edge);
  }

  absl::Status Health() const {
    if (!stores_ready_) return absl::UnavailableError("redis: not connected");
    return edge_.Health();
  }

 private:
  edge::Backends MakeBackends(boost::asio::io_context& loop) {
    using namespace edge::clients;  // NOLINT(google-build-using-namespace): only for these
    return {MakeDirectPresence(presence_, MakePresenceClient(server_->InProcessChannel(), calls_),
                               calls_),
            MakeDirectModeration(moderation_,
                                 MakeModerationClient(
                                     server_->InProcessChannel(), [] { return true; }, calls_),
                                 calls_),
            MakeDirectFanout(fanout_, MakeFanoutClient(server_->InProcessChannel(), calls_), loop,
                             calls_)};
  }

  void StopServices() {
    moderation_.EndStreams();
    fanout_.EndStreams();
    server_->Shutdown(kCallsEnd);
    fanout_.Stop();
    presence_.Stop();
    stores_->Stop();
  }

  std::atomic<bool> stores_ready_ = false;
  std::unique_ptr<Stores> stores_;
  moderation::Service moderation_;
  presence::Service presence_;
  fanout::Service fanout_;
  std::unique_ptr<rpc::Server> server_;
  rpc::CallMetrics calls_;
  edge::Edge edge_;
};

AllInOne::AllInOne(Settings settings, boost::asio::io_context& loop, prometheus::Registry& registry)
    : parts_(std::make_unique<Parts>(WithSharedLimits(std::move(settings)), loop, registry)) {}

AllInOne::~AllInOne() = default;

absl::Status AllInOne::Start() { return parts_->Start(); }

void AllInOne::Stop() { parts_->Stop(); }

void AllInOne::Apply(Settings settings) { parts_->Apply(WithSharedLimits(std::move(settings))); }

absl::Status AllInOne::Health() const { return parts_->Health(); }

}  // namespace gischat::allinone
