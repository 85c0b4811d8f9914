#include "common/redis/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <vector>

#include "common/metrics/latency_buckets.h"

namespace gischat::redis {
namespace {

// Those that Client promises.
const std::vector<std::string>& Outcomes() {
  static const auto* const outcomes = new std::vector<std::string>{
      "OK", "UNAVAILABLE", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "INTERNAL"};
  return *outcomes;
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
    : registry_(registry),
      seconds_(prometheus::BuildHistogram()
                   .Name("gischat_redis_command_seconds")
                   .Help("Time from handing a command or script over to its answer.")
                   .Register(registry)) {}

void CommandMetrics::Declare(const std::string& command) { Find(command); }

void CommandMetrics::Observe(const std::string& command, absl::StatusCode outcome,
                             absl::Duration took) {
  Command& observed = Find(command);
  observed.outcomes.Count(absl::StatusCodeToString(outcome));
  observed.seconds.Observe(absl::ToDoubleSeconds(took));
}

CommandMetrics::Command& CommandMetrics::Find(const std::string& name) {
  std::unique_ptr<Command>& command = commands_[name];
  if (command == nullptr) {
    command = std::make_unique<Command>(Command{
        metrics::FixedCounters(registry_, "gischat_redis_commands_total",
                               "Commands and scripts by outcome (OK, or the kind of failure).",
                               "outcome", Outcomes(), {{"command", name}}),
        seconds_.Add({{"command", name}}, metrics::LatencyBuckets())});
  }
  return *command;
}

}  // namespace gischat::redis
