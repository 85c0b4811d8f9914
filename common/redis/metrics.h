#pragma once

#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"

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
  void Observe(const std::string& command, absl::StatusCode outcome, absl::Duration took);

 private:
  prometheus::Family<prometheus::Counter>& totals_;
  prometheus::Family<prometheus::Histogram>& seconds_;
  std::map<std::string, std::map<absl::StatusCode, prometheus::Counter*>, std::less<>> counters_;
  std::map<std::string, prometheus::Histogram*, std::less<>> histograms_;
};

}  // namespace gischat::redis
