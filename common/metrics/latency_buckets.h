#pragma once

#include <prometheus/histogram.h>

namespace gischat::metrics {

// Bounds of every histogram of latencies, in seconds: from what passes between two processes of one
// machine to what an image that waits for its turn may take. One list for all, so that figures of
// different parts can be put beside one another.
inline const prometheus::Histogram::BucketBoundaries& LatencyBuckets() {
  static const auto* const bounds = new prometheus::Histogram::BucketBoundaries{
      0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
      0.05,    0.1,    0.25,    0.5,    1,     2.5,    5,     10,   30};
  return *bounds;
}

}  // namespace gischat::metrics
