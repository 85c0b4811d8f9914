#include "common/redis/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace gischat::redis {
namespace {

const prometheus::Histogram::BucketBoundaries& Seconds() {
  static const auto* const bounds = new prometheus::Histogram::BucketBoundaries{
      0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5};
  return *bounds;
}

}  // namespace

LinkMetrics::LinkMetrics(prometheus::Registry& registry, const std::string& connection)
    : connected(prometheus::BuildGauge()
                    .Name("gischat_redis_connected")
                    .Help("1 while a connection to Redis is ready for use.")
                    .Register(registry)
                    .Add({{"connection", connection}})),
      reconnects(prometheus::BuildCounter()
                     .Name("gischat_redis_reconnects_total")
                     .Help("Connections to Redis that became ready after an earlier one was lost.")
                     .Register(registry)
                     .Add({{"connection", connection}})) {}

CommandMetrics::CommandMetrics(prometheus::Registry& registry)
    : totals_(prometheus::BuildCounter()
                  .Name("gischat_redis_commands_total")
                  .Help("Commands and scripts by outcome (OK, or the kind of failure).")
                  .Register(registry)),
      seconds_(prometheus::BuildHistogram()
                   .Name("gischat_redis_command_seconds")
                   .Help("Time from handing a command or script over to its answer.")
                   .Register(registry)) {}

void CommandMetrics::Observe(const std::string& command, absl::StatusCode outcome,
                             absl::Duration took) {
  prometheus::Counter*& counter = counters_[command][outcome];
  if (counter == nullptr) {
    counter = &totals_.Add({{"command", command}, {"outcome", absl::StatusCodeToString(outcome)}});
  }
  counter->Increment();
  prometheus::Histogram*& histogram = histograms_[command];
  if (histogram == nullptr) histogram = &seconds_.Add({{"command", command}}, Seconds());
  histogram->Observe(absl::ToDoubleSeconds(took));
}

}  // namespace gischat::redis
