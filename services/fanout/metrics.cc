#include "services/fanout/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include "common/metrics/latency_buckets.h"

namespace gischat::fanout {
namespace {

prometheus::Counter& Counter(prometheus::Registry& registry, const std::string& name,
                             const std::string& help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Gauge& Gauge(prometheus::Registry& registry, const std::string& name,
                         const std::string& help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

}  // namespace

Metrics::Metrics(prometheus::Registry& registry)
    : published(registry, "gischat_fanout_published_total",
                "Messages asked to be published, by outcome.", "outcome",
                {"PUBLISHED", "GAP", "EXPIRED", "UNAVAILABLE", "RESOURCE_EXHAUSTED",
                 "FAILED_PRECONDITION", "INTERNAL"}),
      publish_seconds(prometheus::BuildHistogram()
                          .Name("gischat_fanout_publish_seconds")
                          .Help("Time that the store took for a batch.")
                          .Register(registry)
                          .Add({}, metrics::LatencyBuckets())),
      events(Counter(registry, "gischat_fanout_events_total",
                     "Events heard in order, of all channels in use.")),
      holes(Counter(registry, "gischat_fanout_holes_total",
                    "Times that events were missing on the way and read from the log.")),
      resets(
          Counter(registry, "gischat_fanout_resets_total",
                  "Positions that could not be resumed: the reader began again from the history.")),
      epochs(Counter(registry, "gischat_fanout_epochs_total",
                     "Times that the store began a new epoch of a channel in use.")),
      lost(Counter(registry, "gischat_fanout_lost_events_total",
                   "Events that were heard and that the store lost afterwards.")),
      slow_streams(Counter(registry, "gischat_fanout_slow_streams_total",
                           "Streams that were ended because too many bytes waited in them.")),
      streams(Gauge(registry, "gischat_fanout_streams", "Open event streams.")),
      stream_bytes(Gauge(registry, "gischat_fanout_stream_bytes",
                         "Bytes that wait in all event streams.")) {}

void Metrics::CountPublished(const std::string& outcome, size_t messages, absl::Duration took) {
  published.Count(outcome, static_cast<double>(messages));
  publish_seconds.Observe(absl::ToDoubleSeconds(took));
}

}  // namespace gischat::fanout
