#include "common/config/table.h"
#include "common/process/process.h"
#include "common/process/reload.h"
#include "common/rpc/call_metrics.h"
#include "common/rpc/channel.h"
#include "common/rpc/single_poller.h"
#include "edge/clients/grpc_backends.h"
#include "edge/edge.h"
#include "edge/settings/settings.h"

namespace {

struct Settings {
  gischat::process::Settings process;
  gischat::edge::Settings edge;
  gischat::edge::BackendAddresses addresses;

  void Declare(gischat::config::Table& table) {
    edge.Declare(table);
    edge.limits.Declare(table);
    addresses.Declare(table);
    process.Declare(table);
  }
};

}  // namespace

int main(int argc, char** argv) {
  using namespace gischat;  // NOLINT(google-build-using-namespace): main lives in none

  Settings settings;
  config::Table table("gischat-edge", "Serves the clients of the chat over HTTP and WebSocket.");
  settings.Declare(table);
  if (const auto status =
          config::ReadCommandLine(table, argc, argv, config::CurrentEnvironment())) {
    return *status;
  }

  process::Process process("gischat-edge", settings.process);
  const rpc::SinglePoller poller;
  const auto& [presence, moderation_address, fanout] = settings.addresses;
  const auto moderation = rpc::MakeChannel(moderation_address, "gischat.moderation.v1.Moderation");
  rpc::CallMetrics calls(process.metrics());
  edge::Edge edge(settings.edge,
                  {edge::clients::MakePresenceClient(
                       rpc::MakeChannel(presence, "gischat.presence.v1.Presence"), calls),
                   edge::clients::MakeModerationClient(
                       moderation, [moderation] { return rpc::IsReachable(*moderation); }, calls),
                   edge::clients::MakeFanoutClient(
                       rpc::MakeChannel(fanout, "gischat.fanout.v1.Fanout"), calls)},
                  process.loop(), process.metrics());
  process.AddReadinessCheck("backends", [&edge] { return edge.Health(); });
  process::ReloadOnHangup<Settings>(process, table, [&edge](const Settings& now) {
    process::Process::Apply(now.process);
    edge.Apply(now.edge);
  });
  return process.Run([&edge] { return edge.Start(); }, [&edge] { edge.Stop(); });
}
