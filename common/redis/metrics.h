#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/metrics/fixed_counters.h"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
class Registry;
template <typename T>
class Family;
}  // namespace prometheus

namespace gischat::redis {

// Of one connection: gischat_redis_connected{connection},
// gischat_redis_reconnects_total{connection}.
struct LinkMetrics {
  LinkMetrics(prometheus::Registry& registry, const std::string& connection);
  prometheus::Gauge& connected;
  prometheus::Counter& reconnects;
};

// How long commands take and what becomes of them: gischat_redis_commands_total{command, outcome}
// and gischat_redis_command_seconds{command}. Confined to the loop.
class CommandMetrics {
 public:
  explicit CommandMetrics(prometheus::Registry& registry);

  // Says that there is such a command: it is shown with every outcome that Client has, as 0, before
  // it is sent.
  void Declare(const std::string& command);

  void Observe(const std::string& command, absl::StatusCode outcome, absl::Duration took);

 private:
  struct Command {
    metrics::FixedCounters outcomes;
    prometheus::Histogram& seconds;
  };

  Command& Find(const std::string& name);

  prometheus::Registry& registry_;
  prometheus::Family<prometheus::Histogram>& seconds_;
  std::map<std::string, std::unique_ptr<Command>> commands_;
};

}  // namespace gischat::redis
