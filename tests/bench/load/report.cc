#include "tests/bench/load/report.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace gischat::bench {
namespace {

using Json = nlohmann::ordered_json;

// Of one core: above this share the driver itself limits what is measured.
constexpr double kDriverIsBound = 0.9;

double Rounded(double value) { return std::round(value * 1000) / 1000; }

Json LatencyOf(const Histogram& latency_ns) {
  const auto milliseconds = [&](double percent) {
    return Rounded(static_cast<double>(latency_ns.Percentile(percent)) / 1e6);
  };
  return {{"p50", milliseconds(50)},
          {"p90", milliseconds(90)},
          {"p99", milliseconds(99)},
          {"p99.9", milliseconds(99.9)},
          {"max", Rounded(static_cast<double>(latency_ns.max()) / 1e6)}};
}

Json ServersOf(const Result& result) {
  Json servers = Json::array();
  for (const Result::Server& server : result.servers) {
    const absl::Duration cpu = server.after.cpu - server.before.cpu;
    servers.push_back({{"pid", server.pid},
                       {"name", server.after.name},
                       {"cpu_seconds", Rounded(absl::ToDoubleSeconds(cpu))},
                       {"cpu_share", Rounded(absl::FDivDuration(cpu, result.measured))},
                       {"rss_mib", Rounded(server.after.rss_mib)},
                       {"peak_rss_mib", Rounded(server.after.peak_rss_mib)}});
  }
  return servers;
}

}  // namespace

std::string ReportLine(const Options& options, const Result& result) {
  const double seconds = absl::ToDoubleSeconds(result.measured);
  const double driver_share = absl::ToDoubleSeconds(result.driver_cpu) / seconds;
  const Json line = {
      {"ok", result.ok()},
      {"clients", options.clients},
      {"senders", options.senders},
      {"edges", options.urls.size()},
      {"window", options.rate == 0 ? Json(options.window) : Json()},
      {"rate", options.rate == 0 ? Json() : Json(options.rate)},
      {"payload_bytes", options.payload_bytes},
      {"connect_seconds", Rounded(absl::ToDoubleSeconds(result.connect_time))},
      {"seconds", Rounded(seconds)},
      {"sent", result.messages_sent},
      {"sent_per_second", Rounded(static_cast<double>(result.messages_sent) / seconds)},
      {"deliveries", result.deliveries},
      {"deliveries_per_second", Rounded(static_cast<double>(result.deliveries) / seconds)},
      {"latency_ms", LatencyOf(result.latency_ns)},
      {"lost", result.faults.lost},
      {"doubled", result.faults.doubled},
      {"misordered", result.faults.misordered},
      {"other_order", result.faults.other_order},
      {"unpublished", result.faults.unpublished},
      {"refusals", result.refusals},
      {"closed", result.closed},
      {"bytes_received", result.bytes_received},
      {"driver_cpu_share", Rounded(driver_share)},
      {"driver_is_bound", driver_share > kDriverIsBound},
      {"servers", ServersOf(result)}};
  return line.dump();
}

}  // namespace gischat::bench
