#include "common/rpc/call_metrics.h"

#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace gischat::rpc {
namespace {

// From a call in the same process to a review that waited for the largest image.
const prometheus::Histogram::BucketBoundaries kSeconds = {
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
    0.05,    0.1,    0.25,    0.5,    1,     2.5,    5,     10,   30};

}  // namespace

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
                      seconds_.Add({{"method", method}}, kSeconds)}))
              .first->second;
}

}  // namespace gischat::rpc
