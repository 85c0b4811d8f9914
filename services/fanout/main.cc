// gischat-fanout: orders, stores and spreads what is said, for all edges that share a Redis.

#include "common/config/table.h"
#include "common/process/process.h"
#include "common/rpc/single_poller.h"
#include "services/fanout/replica.h"

using gischat::fanout::Replica;
using gischat::fanout::ReplicaSettings;
using gischat::process::Process;

int main(int argc, char** argv) {
  gischat::process::Settings process_settings;
  ReplicaSettings settings;
  gischat::config::Table table("gischat-fanout", "Orders, stores and spreads what is said.");
  process_settings.Declare(table);
  settings.Declare(table);
  if (auto status = gischat::config::ReadCommandLine(table, argc, argv,
                                                     gischat::config::CurrentEnvironment())) {
    return *status;
  }

  Process process("gischat-fanout", process_settings);
  const gischat::rpc::SinglePoller poller;
  Replica replica(settings, process.loop(), process.metrics());
  process.AddReadinessCheck("redis", [&] { return replica.Readiness(); });
  return process.Run([&] { return replica.Start(); }, [&] { replica.Stop(); });
}
