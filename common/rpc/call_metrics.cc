#include "common/rpc/call_metrics.h"

#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include "common/metrics/latency_buckets.h"

namespace gischat::rpc {

CallMetrics::CallMetrics(prometheus::Registry& registry)
    : registry_(registry),
      seconds_(prometheus::BuildHistogram()
                   .Name("gischat_rpc_client_seconds")
                   .Help("How long calls to other parts took, by method.")
                   .Register(registry)) {}

void CallMetrics::Declare(std::string_view method) { Find(method); }

void CallMetrics::Observe(std::string_view method, absl::StatusCode code, absl::Duration took) {
  Method& observed = Find(method);
  observed.calls.Count(absl::StatusCodeToString(code));
  observed.seconds.Observe(absl::ToDoubleSeconds(took));
}

CallMetrics::Method& CallMetrics::Find(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto known = methods_.find(name);
  if (known != methods_.end()) return *known->second;
  const std::string method(name);
  return *methods_
              .emplace(
                  method,
                  std::make_unique<Method>(Method{
                      metrics::FixedCounters(registry_, "gischat_rpc_client_calls_total",
                                             "Calls to other parts, by method and status code.",
                                             "code", metrics::StatusCodes(), {{"method", method}}),
                      seconds_.Add({{"method", method}}, metrics::LatencyBuckets())}))
              .first->second;
}

}  // namespace gischat::rpc
