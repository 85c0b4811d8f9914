#include "common/process/process.h"

#include <prometheus/gauge.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdlib>
#include <iterator>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "common/base/version.h"
#include "common/config/address.h"
#include "common/log/log.h"
#include "common/metrics/process_metrics.h"
#include "common/process/admin_server.h"
#include "common/process/hangup.h"
#include "common/process/heap.h"
#include "common/process/probe.h"

namespace gischat::process {
namespace {

namespace asio = boost::asio;

constexpr int kStopped = 0;
constexpr int kInterruptedStop = 1;
constexpr int kCannotStart = 2;

// Raises the soft limit of open files to the hard one; returns what it is then.
rlim_t RaiseOpenFiles() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

}  // namespace

void Settings::Declare(config::Table& table) {
  table.Text("GISCHAT_CONFIG", &config_file,
             "A file with settings, NAME=VALUE lines, read again on SIGHUP; the environment wins.");
  table.Text("GISCHAT_ADMIN_ADDRESS", &admin_address,
             "Where /metrics, /livez and /readyz are served. Without authentication: never a "
             "public address.",
             config::CheckIpAddress);
  table.Number("GISCHAT_ADMIN_PORT", &admin_port, {.unit = "port"},
               "Port of /metrics, /livez and /readyz; 0 picks a free one and the log says which.");
  table.Choice("GISCHAT_LOG_FORMAT", &log_format, {"text", "json"},
               "How log lines look; json: one object a line.");
  table.Choice("GISCHAT_LOG_LEVEL", &log_level, {"trace", "debug", "info", "warn", "error", "off"},
               "Least important level that is logged.");
  table.Option(
      "--probe",
      "ask the admin port of a running one for /readyz; end with 0 when it is ready, else "
      "with 1 and say why; takes 2 s at most",
      [this, program = table.program()] { return RunProbe(program, admin_address, admin_port); });
  table.Changeable({"GISCHAT_LOG_LEVEL"});
}

class Process::Core {
 public:
  Core(std::string name, Settings settings)
      : name_(std::move(name)), settings_(std::move(settings)) {
    // Debian's Abseil looks for deadlocks each time that a mutex is taken, as for a debug build.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    std::signal(SIGPIPE, SIG_IGN);
    log::Configure(name_, settings_.log_format, settings_.log_level);
    spdlog::info("version {}, soft limit of open files {}", base::Version(), RaiseOpenFiles());
    metrics::AddBuildInfo(registry_);
  }

  ~Core() {
    loop_.stop();
    if (thread_.joinable()) thread_.join();
  }

  asio::io_context& loop() { return loop_; }
  prometheus::Registry& metrics() { return registry_; }

  void AddReadinessCheck(std::string what, std::function<absl::Status()> check) {
    checks_.push_back({std::move(what), std::move(check)});
  }

  Hangup& hangup() { return hangup_; }

  int Run(const std::function<absl::Status()>& start, const std::function<void()>& stop) {
    AwaitSignal();
    auto admin = AdminServer::Listen(
        loop_, settings_.admin_address, settings_.admin_port,
        {[this](bool ready) { return Metrics(ready); }, [this] { return Unready(); }}, {});
    if (!admin.ok()) return Fail(admin.status());
    heap_.Start();
    thread_ = std::thread([this] { loop_.run(); });
    spdlog::info("admin port on {}", config::HostPort(settings_.admin_address, (*admin)->port()));
    if (const absl::Status started = start(); !started.ok()) return Fail(started);
    spdlog::info("started");
    state_ = State::kRunning;
    asio::post(loop_, [this] { hangup_.Start([this] { Stop("terminal gone"); }); });
    signalled_.WaitForNotification();
    stop();
    spdlog::info("stopped");
    return kStopped;
  }

 private:
  enum class State { kStarting, kRunning };

  struct Check {
    std::string what;
    std::function<absl::Status()> check;
  };

  static int Fail(const absl::Status& status) {
    const std::string words(status.message());
    spdlog::error("{}", words);
    return kCannotStart;
  }

  void AwaitSignal() {
    signals_.async_wait([this](boost::system::error_code error, int signal) {
      if (error) return;
      if (signalled_.HasBeenNotified()) {
        spdlog::warn("signal {} while stopping: ending at once", signal);
        std::_Exit(kInterruptedStop);
      }
      Stop(absl::StrCat("signal ", signal));
      AwaitSignal();
    });
  }

  void Stop(const std::string& why) {
    if (signalled_.HasBeenNotified()) return;
    spdlog::info("{}: stopping", why);
    hangup_.Stop();
    signalled_.Notify();
  }

  std::string Metrics(bool ready) {
    ready_.Set(ready ? 1 : 0);
    std::vector<prometheus::MetricFamily> families = registry_.Collect();
    std::vector<prometheus::MetricFamily> process = process_metrics_.Collect();
    families.insert(families.end(), std::make_move_iterator(process.begin()),
                    std::make_move_iterator(process.end()));
    return prometheus::TextSerializer().Serialize(families);
  }

  std::string Unready() const {
    if (signalled_.HasBeenNotified()) return "stopping\n";
    if (state_ == State::kStarting) return "starting\n";
    std::string reasons;
    for (const Check& check : checks_) {
      if (const absl::Status status = check.check(); !status.ok()) {
        absl::StrAppend(&reasons, check.what, ": ", status.message(), "\n");
      }
    }
    return reasons;
  }

  const std::string name_;
  const Settings settings_;
  prometheus::Registry registry_;
  prometheus::Gauge& ready_ = prometheus::BuildGauge()
                                  .Name("gischat_ready")
                                  .Help("1 while this process can do its work, as /readyz says.")
                                  .Register(registry_)
                                  .Add({});
  const metrics::ProcessMetrics process_metrics_;
  asio::io_context loop_{1};
  const asio::executor_work_guard<asio::io_context::executor_type> work_{loop_.get_executor()};
  Heap heap_{loop_};
  asio::signal_set signals_{loop_, SIGINT, SIGTERM};
  Hangup hangup_{loop_, registry_};
  absl::Notification signalled_;
  std::atomic<State> state_ = State::kStarting;
  std::vector<Check> checks_;  // not changed during Run()
  std::thread thread_;
};

Process::Process(std::string name, Settings settings)
    : core_(std::make_unique<Core>(std::move(name), std::move(settings))) {}

Process::~Process() = default;

asio::io_context& Process::loop() { return core_->loop(); }

prometheus::Registry& Process::metrics() { return core_->metrics(); }

void Process::AddReadinessCheck(std::string what, std::function<absl::Status()> check) {
  core_->AddReadinessCheck(std::move(what), std::move(check));
}

void Process::OnHangup(std::function<config::Reload()> read) {
  core_->hangup().OnSignal(std::move(read));
}

void Process::NoteOverridden(const std::vector<std::string>& names) {
  core_->hangup().NoteOverridden(names);
}

void Process::Apply(const Settings& settings) { log::SetLevel(settings.log_level); }

int Process::Run(std::function<absl::Status()> start, std::function<void()> stop) {
  return core_->Run(start, stop);
}

}  // namespace gischat::process
