// gischat: the whole chat in one process.

#include "common/config/table.h"
#include "common/process/process.h"
#include "services/allinone/all_in_one.h"

int main(int argc, char** argv) {
  using namespace gischat;  // NOLINT(google-build-using-namespace): main lives in none

  process::Settings process_settings;
  allinone::Settings settings;
  config::Table table("gischat", "Serves the whole chat, in memory or with a Redis.");
  settings.Declare(table);
  process_settings.Declare(table);
  if (const auto status =
          config::ReadCommandLine(table, argc, argv, config::CurrentEnvironment())) {
    return *status;
  }

  process::Process process("gischat", process_settings);
  allinone::AllInOne chat(settings, process.loop(), process.metrics());
  process.AddReadinessCheck("chat", [&chat] { return chat.Health(); });
  return process.Run([&chat] { return chat.Start(); }, [&chat] { chat.Stop(); });
}
