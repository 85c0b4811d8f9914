// gischat-fanout: orders, stores and spreads what is said, for all edges that share a Redis.

#include "common/config/table.h"
#include "common/process/process.h"
#include "common/process/reload.h"
#include "common/rpc/single_poller.h"
#include "services/fanout/replica.h"

using gischat::fanout::Replica;
using gischat::fanout::ReplicaSettings;
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
  gischat::config::Table table("gischat-fanout", "Orders, stores and spreads what is said.");
  settings.Declare(table);
  if (auto status = gischat::config::ReadCommandLine(table, argc, argv,
                                                     gischat::config::CurrentEnvironment())) {
    return *status;
  }

  Process process("gischat-fanout", settings.process);
  const gischat::rpc::SinglePoller poller;
  Replica replica(settings.replica, process.loop(), process.metrics());
  process.AddReadinessCheck("redis", [&] { return replica.Readiness(); });
  gischat::process::ReloadOnHangup<Settings>(
      process, table, [](const Settings& now) { Process::Apply(now.process); });
  return process.Run([&] { return replica.Start(); }, [&] { replica.Stop(); });
}
