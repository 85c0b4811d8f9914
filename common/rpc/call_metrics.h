#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/metrics/fixed_counters.h"

namespace prometheus {
class Histogram;
class Registry;
template <typename T>
class Family;
}  // namespace prometheus

namespace gischat::rpc {

// What becomes of calls to other parts and how long they take: counter
// gischat_rpc_client_calls_total{method, code} and histogram gischat_rpc_client_seconds{method},
// with method like "fanout.Publish" and code like "OK". Thread-safe.
class CallMetrics {
 public:
  explicit CallMetrics(prometheus::Registry& registry);

  // Says that there is such a method: it is shown with every code, as 0, before it is called.
  void Declare(std::string_view method);

  void Observe(std::string_view method, absl::StatusCode code, absl::Duration took);

 private:
  struct Method {
    metrics::FixedCounters calls;
    prometheus::Histogram& seconds;
  };

  Method& Find(std::string_view name);

  prometheus::Registry& registry_;
  prometheus::Family<prometheus::Histogram>& seconds_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Method>, std::less<>> methods_;
};

}  // namespace gischat::rpc
