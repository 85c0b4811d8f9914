#pragma once

#include <prometheus/collectable.h>

#include <vector>

namespace prometheus {
class Registry;
}

namespace gischat::metrics {

// What the operating system knows about this process, under the names that every Prometheus client
// uses: process_cpu_seconds_total, process_resident_memory_bytes, process_virtual_memory_bytes,
// process_open_fds, process_max_fds, process_start_time_seconds, process_threads; and
// gischat_memory_limit_bytes, where there is a limit. Read from /proc and /sys at each Collect(),
// which takes a few milliseconds with thousands of open files; what can't be read is left out.
// Thread-safe.
class ProcessMetrics : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override;
};

// gischat_build_info{version="..."} = 1.
void AddBuildInfo(prometheus::Registry& registry);

}  // namespace gischat::metrics
