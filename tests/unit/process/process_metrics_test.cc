#include "common/metrics/process_metrics.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>
#include <unistd.h>

#include <ctime>
#include <map>
#include <string>
#include <thread>

#include "absl/synchronization/notification.h"
#include "common/base/version.h"

namespace gischat::metrics {
namespace {

std::map<std::string, double> Values() {
  std::map<std::string, double> values;
  for (const prometheus::MetricFamily& family : ProcessMetrics().Collect()) {
    const prometheus::ClientMetric& metric = family.metric.front();
    values[family.name] =
        family.type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value;
  }
  return values;
}

TEST(ProcessMetrics, CountsOpenFiles) {
  const double before = Values()["process_open_fds"];
  const int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(Values()["process_open_fds"], before + 1);
  close(file);
  EXPECT_EQ(Values()["process_open_fds"], before);
  EXPECT_EQ(Values()["process_max_fds"], static_cast<double>(sysconf(_SC_OPEN_MAX)));
}

TEST(ProcessMetrics, CountsThreads) {
  const double before = Values()["process_threads"];
  absl::Notification end;
  std::thread thread([&end] { end.WaitForNotification(); });
  EXPECT_EQ(Values()["process_threads"], before + 1);
  end.Notify();
  thread.join();
}

TEST(ProcessMetrics, CountsProcessorTime) {
  const std::clock_t end = std::clock() + CLOCKS_PER_SEC / 10;
  const double before = Values()["process_cpu_seconds_total"];
  while (std::clock() < end) {
  }
  EXPECT_GE(Values()["process_cpu_seconds_total"], before + 0.05);
}

TEST(ProcessMetrics, KnowsMemoryInBytes) {
  const std::map<std::string, double> values = Values();
  EXPECT_GT(values.at("process_resident_memory_bytes"), 1e6);
  EXPECT_GE(values.at("process_virtual_memory_bytes"), values.at("process_resident_memory_bytes"));
}

TEST(ProcessMetrics, KnowsWhenTheProcessBegan) {
  const double age =
      static_cast<double>(std::time(nullptr)) - Values()["process_start_time_seconds"];
  EXPECT_GE(age, -2);
  EXPECT_LT(age, 600);
}

TEST(BuildInfo, NamesTheVersion) {
  prometheus::Registry registry;
  AddBuildInfo(registry);
  const auto families = registry.Collect();
  ASSERT_EQ(families.size(), 1u);
  EXPECT_EQ(families[0].name, "gischat_build_info");
  EXPECT_EQ(families[0].metric[0].label[0].value, base::Version());
  EXPECT_EQ(families[0].metric[0].gauge.value, 1);
}

}  // namespace
}  // namespace gischat::metrics
