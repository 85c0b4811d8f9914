#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/metrics/fixed_counters.h"

namespace prometheus {
class Gauge;
class Registry;
template <typename T>
class Family;
}  // namespace prometheus

namespace gischat::presence {

// What presence counts about itself, for metrics only. Thread-safe.
class Census {
 public:
  // The methods of the service.
  static constexpr std::array kMethods = {"Attach",     "Report",    "Detach",          "Register",
                                          "Unregister", "ListUsers", "CountConnections"};

  // The clock and the registry outlive it. A lease is counted until it was silent for
  // `time_to_live`.
  Census(const base::Clock& clock, absl::Duration time_to_live, prometheus::Registry& registry);

  void SawReport(const std::string& lease);
  void SawDetach(const std::string& lease);
  void SawConnections(const std::string& channel, uint64_t connections);
  void SawClaim(std::string_view outcome);
  void SawCall(std::string_view method, std::string_view code);

  // Forgets leases that are silent. To be called now and then: there may be none left that report.
  void Refresh();

 private:
  // Channels come from the settings of edges; this bounds the labels should they be wrong.
  static constexpr size_t kMaxChannels = 1'000;

  void ForgetSilent(absl::Time now);

  const base::Clock& clock_;
  const absl::Duration time_to_live_;
  prometheus::Gauge& leases_;
  prometheus::Family<prometheus::Gauge>& connections_;
  metrics::FixedCounters claims_;
  std::map<std::string, metrics::FixedCounters, std::less<>> calls_;  // by method; never changes

  std::mutex mutex_;
  std::map<std::string, absl::Time> last_seen_;
  std::map<std::string, prometheus::Gauge*> channels_;
};

}  // namespace gischat::presence
