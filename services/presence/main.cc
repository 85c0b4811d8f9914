// gischat-presence: who is connected and who owns which nickname, for all edges that share a Redis.

#include "common/config/table.h"
#include "common/process/process.h"
#include "common/process/reload.h"
#include "common/rpc/single_poller.h"
#include "services/presence/replica.h"

using gischat::config::Table;
using gischat::presence::Replica;
using gischat::presence::ReplicaSettings;
using gischat::process::Process;

namespace {

struct Settings {
  gischat::process::Settings process;
  ReplicaSettings replica;

  void Declare(gischat::config::Table& table) {
    process.Declare(table);
    replica.Declare(table);
  }
};

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  Table table("gischat-presence", "Keeps who is connected and who owns which nickname.");
  settings.Declare(table);
  if (auto status = gischat::config::ReadCommandLine(table, argc, argv,
                                                     gischat::config::CurrentEnvironment())) {
    return *status;
  }

  Process process("gischat-presence", settings.process);
  const gischat::rpc::SinglePoller poller;
  Replica replica(settings.replica, process.loop(), process.metrics());
  process.AddReadinessCheck("redis", [&] { return replica.Readiness(); });
  gischat::process::ReloadOnHangup<Settings>(
      process, table, [](const Settings& now) { Process::Apply(now.process); });
  return process.Run([&] { return replica.Start(); }, [&] { replica.Stop(); });
}
