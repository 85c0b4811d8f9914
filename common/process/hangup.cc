#include "common/process/hangup.h"

#include <fcntl.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "absl/strings/str_join.h"
#include "common/log/log.h"

namespace gischat::process {
namespace {

// Whether this process has a terminal that controls it.
bool HasTerminal() {
  const int terminal = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0) return false;
  close(terminal);
  return true;
}

prometheus::Counter& Reloads(prometheus::Registry& registry, const char* result) {
  return prometheus::BuildCounter()
      .Name("gischat_config_reloads_total")
      .Help("Times that the settings were read again on SIGHUP, by result")
      .Register(registry)
      .Add({{"result", result}});
}

}  // namespace

Hangup::Hangup(boost::asio::io_context& loop, prometheus::Registry& registry)
    : signals_(loop, SIGHUP),
      had_terminal_(HasTerminal()),
      ok_(Reloads(registry, "ok")),
      failed_(Reloads(registry, "failed")),
      last_(prometheus::BuildGauge()
                .Name("gischat_config_last_reload_successful")
                .Help("1 unless the settings could not be read again when that was tried last")
                .Register(registry)
                .Add({})) {
  last_.Set(1);
}

void Hangup::NoteOverridden(const std::vector<std::string>& names) {
  std::vector<std::string> fresh;
  for (const std::string& name : names) {
    if (told_overridden_.insert(name).second) fresh.push_back(name);
  }
  if (fresh.empty()) return;
  spdlog::info("settings: {} in the file of GISCHAT_CONFIG: does not count, the environment has it",
               absl::StrJoin(fresh, ", "));
}

void Hangup::Start(std::function<void()> end) {
  end_ = std::move(end);
  Await();
}

void Hangup::Await() {
  signals_.async_wait([this](boost::system::error_code error, int) {
    if (error) return;
    if (had_terminal_ && !HasTerminal()) return end_();
    if (!stopped_) ReadAgain();
    Await();
  });
}

void Hangup::ReadAgain() {
  const config::Reload reload = read_ ? read_() : config::Reload();
  if (!reload.mistakes.empty()) {
    for (const std::string& mistake : reload.mistakes) spdlog::error("settings: {}", mistake);
    spdlog::error("settings: read again on SIGHUP with mistakes: nothing is changed");
    failed_.Increment();
    last_.Set(0);
    return;
  }
  NoteOverridden(reload.overridden);
  for (const std::string& name : reload.need_restart) {
    spdlog::warn("settings: {} has another value in the file: that needs a restart", name);
  }
  spdlog::info("settings: read again on SIGHUP, changed: {}",
               reload.changed.empty() ? "nothing" : absl::StrJoin(reload.changed, ", "));
  ok_.Increment();
  last_.Set(1);
}

}  // namespace gischat::process
