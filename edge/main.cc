#include "common/config/table.h"
#include "common/process/process.h"
#include "common/rpc/call_metrics.h"
#include "common/rpc/channel.h"
#include "common/rpc/single_poller.h"
#include "edge/clients/grpc_backends.h"
#include "edge/edge.h"
#include "edge/settings/settings.h"

int main(int argc, char** argv) {
  using namespace gischat;  // NOLINT(google-build-using-namespace): main lives in none

  process::Settings process_settings;
  edge::Settings settings;
  edge::BackendAddresses addresses;
  config::Table table("gischat-edge", "Serves the clients of the chat over HTTP and WebSocket.");
  settings.Declare(table);
  settings.limits.Declare(table);
  addresses.Declare(table);
  process_settings.Declare(table);
  if (const auto status =
          config::ReadCommandLine(table, argc, argv, config::CurrentEnvironment())) {
    return *status;
  }

  process::Process process("gischat-edge", process_settings);
  const rpc::SinglePoller poller;
  const auto moderation =
      rpc::MakeChannel(addresses.moderation, "gischat.moderation.v1.Moderation");
  rpc::CallMetrics calls(process.metrics());
  edge::Edge edge(settings,
                  {edge::clients::MakePresenceClient(
                       rpc::MakeChannel(addresses.presence, "gischat.presence.v1.Presence"), calls),
                   edge::clients::MakeModerationClient(
                       moderation, [moderation] { return rpc::IsReachable(*moderation); }, calls),
                   edge::clients::MakeFanoutClient(
                       rpc::MakeChannel(addresses.fanout, "gischat.fanout.v1.Fanout"), calls)},
                  process.loop(), process.metrics());
  process.AddReadinessCheck("backends", [&edge] { return edge.Health(); });
  return process.Run([&edge] { return edge.Start(); }, [&edge] { edge.Stop(); });
}
