// gischat-presence: who is connected and who owns which nickname, for all edges that share a Redis.

#include "common/config/table.h"
#include "common/process/process.h"
#include "common/rpc/single_poller.h"
#include "services/presence/replica.h"

using gischat::config::Table;
using gischat::presence::Replica;
using gischat::presence::ReplicaSettings;
using gischat::process::Process;

int main(int argc, char** argv) {
  gischat::process::Settings process_settings;
  ReplicaSettings settings;
  Table table("gischat-presence", "Keeps who is connected and who owns which nickname.");
  process_settings.Declare(table);
  settings.Declare(table);
  if (auto status = gischat::config::ReadCommandLine(table, argc, argv,
                                                     gischat::config::CurrentEnvironment())) {
    return *status;
  }

  Process process("gischat-presence", process_settings);
  const gischat::rpc::SinglePoller poller;
  Replica replica(settings, process.loop(), process.metrics());
  process.AddReadinessCheck("redis", [&] { return replica.Readiness(); });
  return process.Run([&] { return replica.Start(); }, [&] { replica.Stop(); });
}
