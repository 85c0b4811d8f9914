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
    : family_(prometheus::BuildHistogram()
                  .Name("gischat_rpc_client_seconds")
                  .Help("How long calls to other parts took, by method and status code.")
                  .Register(registry)) {}

void CallMetrics::Observe(std::string_view method, absl::StatusCode code, absl::Duration took) {
  prometheus::Histogram* histogram = nullptr;
  {
    const std::lock_guard lock(mutex_);
    prometheus::Histogram*& known = histograms_[{std::string(method), code}];
    if (known == nullptr) {
      known = &family_.Add(
          {{"method", std::string(method)}, {"code", absl::StatusCodeToString(code)}}, kSeconds);
    }
    histogram = known;
  }
  histogram->Observe(absl::ToDoubleSeconds(took));
}

}  // namespace gischat::rpc
