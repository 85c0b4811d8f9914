#pragma once

#include <prometheus/metric_family.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <string>

namespace gischat::tests {

// The value of a counter or gauge with that label, 0 when there is none.
inline double MetricValue(prometheus::Registry& registry, const std::string& name,
                          const std::string& label = "") {
  for (const prometheus::MetricFamily& family : registry.Collect()) {
    if (family.name != name) continue;
    for (const prometheus::ClientMetric& metric : family.metric) {
      const bool matches =
          label.empty() || std::any_of(metric.label.begin(), metric.label.end(),
                                       [&](const auto& pair) { return pair.value == label; });
      if (matches) return metric.counter.value + metric.gauge.value;
    }
  }
  return 0;
}

}  // namespace gischat::tests
