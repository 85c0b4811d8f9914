#pragma once

#include <cstddef>
#include <string>

#include "absl/time/time.h"
#include "common/metrics/fixed_counters.h"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
class Registry;
}  // namespace prometheus

namespace gischat::fanout {

// What fanout tells about itself. Thread-safe.
struct Metrics {
  explicit Metrics(prometheus::Registry& registry);

  void CountPublished(const std::string& outcome, size_t messages, absl::Duration took);

  metrics::FixedCounters published;  // {outcome}: messages
  prometheus::Histogram& publish_seconds;
  prometheus::Counter& events;        // heard in order, of all channels
  prometheus::Counter& holes;         // noticed, and read from the log
  prometheus::Counter& resets;        // positions that could not be resumed
  prometheus::Counter& epochs;        // begun by the store while we listened
  prometheus::Counter& lost;          // events that we heard and the store forgot
  prometheus::Counter& slow_streams;  // ended because too much waited in them
  prometheus::Gauge& streams;
  prometheus::Gauge& stream_bytes;  // waiting in all streams
};

}  // namespace gischat::fanout
