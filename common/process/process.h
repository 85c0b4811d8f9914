#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/config/table.h"

namespace prometheus {
class Registry;
}

namespace gischat::config {
struct Reload;
}

namespace gischat::process {

// Settings that every process reads.
struct Settings {
  uint16_t admin_port = 8001;
  std::string admin_address = "127.0.0.1";
  std::string log_format = "text";
  std::string log_level = "info";
  std::string config_file = {};  // read by the table itself

  // And the option --probe, which asks a running process of these settings whether it is ready.
  void Declare(config::Table& table);
};

// What every executable of the suite has around its parts: logging, one io_context with one thread
// for background work (Redis, timers, the admin port), metrics, the admin port (/metrics, /livez,
// /readyz), signals (SIGHUP reads settings again, or ends the process when its terminal has gone).
// The constructor ignores SIGPIPE, raises the soft limit of open files to the hard one and
// configures logging.
//
//   process::Process process("gischat-fanout", settings);
//   Parts parts(process.loop(), process.metrics());
//   process.AddReadinessCheck("redis", [&] { return redis.ready() ? OkStatus() : ...; });
//   return process.Run([&] { return parts.Start(); }, [&] { parts.Stop(); });
class Process {
 public:
  Process(std::string name, Settings settings);
  ~Process();

  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  boost::asio::io_context& loop();
  prometheus::Registry& metrics();

  // /readyz is 200 while every check is OK; else 503 with one line per failed check. A check may be
  // called at any moment of Run() on the loop's thread and must not block. Add before Run().
  void AddReadinessCheck(std::string what, std::function<absl::Status()> check);

  // `read` is called on SIGHUP, on the loop's thread, between the end of `start` and the signal
  // that stops the process, and what it reports is logged and counted. See reload.h. Before Run().
  void OnHangup(std::function<config::Reload()> read);
  void NoteOverridden(const std::vector<std::string>& names);

  // Takes over what can be changed while it runs: the level of the log. Thread-safe.
  static void Apply(const Settings& settings);

  // Opens the admin port, runs the loop's thread, calls `start` and, after SIGTERM or SIGINT,
  // `stop`; both on the calling thread while the loop runs. From the signal on /readyz is 503.
  // Returns the status to exit with: 0; 2 when the admin port is taken or `start` failed (logged as
  // one line). A second signal during `stop` ends the process at once with status 1. The loop goes
  // on until the Process is destroyed, so that what was made after it can be destroyed before it.
  int Run(std::function<absl::Status()> start, std::function<void()> stop);

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace gischat::process
