#include <memory>
#include <optional>

#include "common/base/clock.h"
#include "common/config/table.h"
#include "common/process/process.h"
#include "common/rpc/server.h"
#include "common/rpc/single_poller.h"
#include "services/moderation/service.h"
#include "services/moderation/settings.h"

int main(int argc, char** argv) {
  using namespace gischat;  // NOLINT(google-build-using-namespace): main lives in none

  process::Settings process_settings;
  rpc::ServerSettings server_settings;
  moderation::Settings settings;
  config::Table table("gischat-moderation", "Judges messages and makes images fit.");
  process_settings.Declare(table);
  server_settings.Declare(table);
  settings.Declare(table);
  if (const std::optional<int> status =
          config::ReadCommandLine(table, argc, argv, config::CurrentEnvironment())) {
    return *status;
  }

  process::Process process("gischat-moderation", process_settings);
  const rpc::SinglePoller poller;
  moderation::Service service(settings, base::SystemClock(), process.metrics());
  std::unique_ptr<rpc::Server> server;
  return process.Run(
      [&]() -> absl::Status {
        if (absl::Status status = service.Start(); !status.ok()) return status;
        auto listening = rpc::Server::Listen(server_settings, {service.grpc_service()});
        if (!listening.ok()) return listening.status();
        server = *std::move(listening);
        server->SetServing(true);
        return absl::OkStatus();
      },
      [&] {
        server->SetServing(false);
        service.EndStreams();
        server->Shutdown(absl::Seconds(10));
      });
}
