#include "common/metrics/process_metrics.h"

#include <prometheus/gauge.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>

#include "common/base/version.h"
#include "common/metrics/memory_limit.h"

namespace gischat::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily Gauge(std::string name, std::string help, double value) {
  ClientMetric metric;
  metric.gauge.value = value;
  return {std::move(name), std::move(help), MetricType::Gauge, {metric}};
}

MetricFamily Counter(std::string name, std::string help, double value) {
  ClientMetric metric;
  metric.counter.value = value;
  return {std::move(name), std::move(help), MetricType::Counter, {metric}};
}

// The fields of /proc/self/stat after the name of the program, which may hold blanks; the first one
// is number 3 of proc(5).
std::vector<std::string> StatFields() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  return {std::istream_iterator<std::string>(fields), {}};
}

double Field(const std::vector<std::string>& fields, size_t number) {
  return std::strtod(fields[number - 3].c_str(), nullptr);
}

// When the machine started, in seconds since the epoch.
std::optional<double> BootTime() {
  std::ifstream file("/proc/stat");
  std::string word;
  while (file >> word) {
    double seconds = 0;
    if (word == "btime" && file >> seconds) return seconds;
  }
  return std::nullopt;
}

void AddTimesAndMemory(std::vector<MetricFamily>& families) {
  constexpr size_t kLastField = 24;
  const std::vector<std::string> fields = StatFields();
  if (fields.size() + 2 < kLastField) return;
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  families.push_back(Counter("process_cpu_seconds_total",
                             "Time that the processors spent on this process, in seconds.",
                             (Field(fields, 14) + Field(fields, 15)) / ticks));
  families.push_back(Gauge("process_threads", "Threads of this process.", Field(fields, 20)));
  if (const std::optional<double> boot = BootTime()) {
    families.push_back(Gauge("process_start_time_seconds",
                             "When this process began, in seconds since 1970-01-01.",
                             *boot + Field(fields, 22) / ticks));
  }
  families.push_back(
      Gauge("process_virtual_memory_bytes", "Address space in use, in bytes.", Field(fields, 23)));
  families.push_back(Gauge("process_resident_memory_bytes", "Memory in use, in bytes.",
                           Field(fields, 24) * static_cast<double>(sysconf(_SC_PAGESIZE))));
}

void AddOpenFiles(std::vector<MetricFamily>& families) {
  int64_t open = -1;  // the one that counts is no file of ours
  std::error_code error;
  for (std::filesystem::directory_iterator file("/proc/self/fd", error), end; !error && file != end;
       file.increment(error)) {
    ++open;
  }
  if (!error) {
    families.push_back(
        Gauge("process_open_fds", "Open file descriptors.", static_cast<double>(open)));
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    families.push_back(Gauge("process_max_fds", "Most file descriptors that may be open.",
                             static_cast<double>(limit.rlim_cur)));
  }
}

}  // namespace

std::vector<MetricFamily> ProcessMetrics::Collect() const {
  std::vector<MetricFamily> families;
  AddTimesAndMemory(families);
  AddOpenFiles(families);
  if (const std::optional<uint64_t> limit = MemoryLimit()) {
    families.push_back(Gauge("gischat_memory_limit_bytes",
                             "Memory that the container of this process may use, in bytes.",
                             static_cast<double>(*limit)));
  }
  return families;
}

void AddBuildInfo(prometheus::Registry& registry) {
  prometheus::BuildGauge()
      .Name("gischat_build_info")
      .Help("Always 1; the label says which version runs.")
      .Register(registry)
      .Add({{"version", std::string(base::Version())}})
      .Set(1);
}

}  // namespace gischat::metrics
