#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace prometheus {
class Histogram;
class Registry;
template <typename T>
class Family;
}  // namespace prometheus

namespace gischat::rpc {

// How long calls to other parts take: histogram gischat_rpc_client_seconds{method, code}, with
// method like "fanout.Publish" and code like "OK". Thread-safe.
class CallMetrics {
 public:
  explicit CallMetrics(prometheus::Registry& registry);
  void Observe(std::string_view method, absl::StatusCode code, absl::Duration took);

 private:
  prometheus::Family<prometheus::Histogram>& family_;
  std::mutex mutex_;
  std::map<std::pair<std::string, absl::StatusCode>, prometheus::Histogram*> histograms_;
};

}  // namespace gischat::rpc
