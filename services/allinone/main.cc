// gischat: the whole chat in one process.

#include "common/config/table.h"
#include "common/process/process.h"
#include "common/process/reload.h"
#include "services/allinone/all_in_one.h"

namespace {

struct Settings {
  gischat::process::Settings process;
  gischat::allinone::Settings chat;

  void Declare(gischat::config::Table& table) {
    chat.Declare(table);
    process.Declare(table);
  }
};

}  // namespace

int main(int argc, char** argv) {
  using namespace gischat;  // NOLINT(google-build-using-namespace): main lives in none

  Settings settings;
  config::Table table("gischat", "Serves the whole chat, in memory or with a Redis.");
  settings.Declare(table);
  if (const auto status =
          config::ReadCommandLine(table, argc, argv, config::CurrentEnvironment())) {
    return *status;
  }

  process::Process process("gischat", settings.process);
  allinone::AllInOne chat(settings.chat, process.loop(), process.metrics());
  process.AddReadinessCheck("chat", [&chat] { return chat.Health(); });
  process::ReloadOnHangup<Settings>(process, table, [&chat](const Settings& now) {
    process::Process::Apply(now.process);
    chat.Apply(now.chat);
  });
  return process.Run([&chat] { return chat.Start(); }, [&chat] { chat.Stop(); });
}
