#include <memory>
#include <optional>

#include "common/base/clock.h"
#include "common/config/table.h"
#include "common/process/process.h"
#include "common/process/reload.h"
#include "common/rpc/server.h"
#include "common/rpc/single_poller.h"
#include "services/moderation/service.h"
#include "services/moderation/settings.h"

namespace {

struct Settings {
  gischat::process::Settings process;
  gischat::rpc::ServerSettings server;
  gischat::moderation::Settings moderation;

  void Declare(gischat::config::Table& table) {
    process.Declare(table);
    server.Declare(table);
    moderation.Declare(table);
  }
};

}  // namespace

int main(int argc, char** argv) {
  using namespace gischat;  // NOLINT(google-build-using-namespace): main lives in none

  Settings settings;
  config::Table table("gischat-moderation", "Judges messages and makes images fit.");
  settings.Declare(table);
  if (const std::optional<int> status =
          config::ReadCommandLine(table, argc, argv, config::CurrentEnvironment())) {
    return *status;
  }

  process::Process process("gischat-moderation", settings.process);
  const rpc::SinglePoller poller;
  moderation::Service service(settings.moderation, base::SystemClock(), process.metrics());
  std::unique_ptr<rpc::Server> server;
  process::ReloadOnHangup<Settings>(process, table, [&service](const Settings& now) {
    process::Process::Apply(now.process);
    service.Apply(now.moderation);
  });
  return process.Run(
      [&]() -> absl::Status {
        if (absl::Status status = service.Start(); !status.ok()) return status;
        auto listening = rpc::Server::Listen(settings.server, {service.grpc_service()});
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
