#include "tests/bench/load/report.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace gischat::bench {
namespace {

using Json = nlohmann::ordered_json;

// Of one core: above this share a process, or all that share the cores, limit what is measured.
constexpr double kDriverIsBound = 0.9;

double Rounded(double value) { return std::round(value * 1000) / 1000; }

// What `total` comes to for each of `number`; nothing when there are none.
Json Each(double total, double number) {
  return number > 0 ? Json(Rounded(total / number)) : Json();
}

Json Percentiles(const Histogram& ns) {
  if (ns.count() == 0) return nullptr;
  Json json;
  for (const auto& [name, percent] :
       {std::pair("p50", 50.0), {"p90", 90.0}, {"p99", 99.0}, {"p99.9", 99.9}}) {
    json[name] = Rounded(static_cast<double>(ns.Percentile(percent)) / 1e6);
  }
  json["max"] = Rounded(static_cast<double>(ns.max()) / 1e6);
  return json;
}

void AddLoad(const Options& options, Json& line) {
  line["clients"] = options.clients;
  line["processes"] = options.processes;
  line["addresses"] = options.addresses;
  line["senders"] = options.senders;
  line["urls"] = options.urls.size();
  line["window"] = options.rate == 0 ? Json(options.window) : Json();
  line["rate"] = options.rate == 0 ? Json() : Json(options.rate);
  line["kind"] = options.kind;
}

void AddMessages(const Result& result, double seconds, Json& line) {
  const Tally& tally = result.tally;
  line["connect_seconds"] = Rounded(tally.connect_seconds);
  line["began"] = Rounded(static_cast<double>(result.began_ns) / 1e9);
  line["seconds"] = Rounded(seconds);
  line["sent"] = tally.sent;
  line["sent_per_second"] = Each(static_cast<double>(tally.sent), seconds);
  line["deliveries"] = tally.deliveries;
  line["deliveries_per_second"] = Each(static_cast<double>(tally.deliveries), seconds);
  line["bytes_received"] = tally.bytes_received;
  line["latency_ms"] = Percentiles(tally.latency_ns);
  line["round_trip_ms"] = Percentiles(tally.round_trip_ns);
  line["late_ms"] = Percentiles(tally.late_ns);
}

void AddFaults(const Result& result, Json& line) {
  line["lost"] = result.faults.lost;
  line["doubled"] = result.faults.doubled;
  line["misordered"] = result.faults.misordered;
  line["misrouted"] = result.faults.misrouted;
  line["other_order"] = result.faults.other_order;
  line["unpublished"] = result.faults.unpublished;
  line["refusals"] = result.tally.refusals;
  line["first_refusal"] = result.tally.first_refusal;
  line["closed"] = result.tally.closed;
  line["newcomers_lost"] = result.tally.newcomers_lost;
  line["newcomers_doubled"] = result.tally.newcomers_doubled;
  line["newcomers_misrouted"] = result.tally.newcomers_misrouted;
}

void AddStalled(const Tally& tally, Json& line) {
  line["stalled"] = tally.stalled;
  line["stalled_cut"] = tally.stalled_cut;
}

void AddJoins(const Tally& tally, Json& line) {
  const double seconds = static_cast<double>(tally.joins_until_ns - tally.joins_from_ns) / 1e9;
  line["joined"] = tally.joined;
  line["join_seconds"] = Rounded(std::max(seconds, 0.0));
  line["joins_per_second"] = Each(static_cast<double>(tally.joined), seconds);
  line["join_ms"] = Percentiles(tally.join_ns);
  line["join_failures"] = tally.join_failures;
  line["first_join_failure"] = tally.first_join_failure;
}

void AddDriver(const Tally& tally, double seconds, Json& line) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  const bool known = ::sched_getaffinity(0, sizeof cores, &cores) == 0;
  const double most = known ? CPU_COUNT(&cores) : 1;
  double sum = 0;
  double largest = 0;
  Json shares = Json::array();
  for (const double cpu : tally.cpu_seconds) {
    const double share = cpu / seconds;
    shares.push_back(Rounded(share));
    sum += share;
    largest = std::max(largest, share);
  }
  line["driver_cpu_shares"] = shares;
  line["driver_is_bound"] = largest > kDriverIsBound || sum > kDriverIsBound * most;
}

void AddServers(const Result& result, double seconds, Json& line) {
  Json servers = Json::array();
  double cpu = 0;
  double grown_mib = 0;
  double begin_mib = 0;
  for (const ServerWatch::Server& server : result.servers) {
    const double its_cpu = absl::ToDoubleSeconds(server.cpu);
    servers.push_back({{"pid", server.pid},
                       {"name", server.name},
                       {"cpu_seconds", Rounded(its_cpu)},
                       {"cpu_share", Rounded(its_cpu / seconds)},
                       {"rss_mib_empty", Rounded(server.rss_mib_empty)},
                       {"rss_mib_begin", Rounded(server.rss_mib_begin)},
                       {"rss_mib", Rounded(server.rss_mib_end)},
                       {"peak_rss_mib", Rounded(server.peak_rss_mib)}});
    cpu += its_cpu;
    grown_mib += server.rss_mib_end - server.rss_mib_empty;
    begin_mib += server.rss_mib_begin;
  }
  const Tally& tally = result.tally;
  line["server_cpu_us_per_delivery"] = Each(cpu * 1e6, static_cast<double>(tally.deliveries));
  line["server_cpu_us_per_message"] = Each(cpu * 1e6, static_cast<double>(tally.sent));
  line["server_cpu_us_per_join"] = Each(cpu * 1e6, static_cast<double>(tally.joined));
  line["server_kib_per_connection"] = nullptr;
  line["server_grown_mib"] = Rounded(grown_mib);
  line["server_most_mib"] = Rounded(result.most_rss_mib);
  line["server_most_above_begin_mib"] = Rounded(result.most_rss_mib - begin_mib);
  line["servers"] = servers;
}

}  // namespace

std::string ReportLine(const Options& options, const Result& result) {
  const double seconds = absl::ToDoubleSeconds(result.measured);
  Json line = {{"ok", result.ok()}};
  AddLoad(options, line);
  AddMessages(result, seconds, line);
  AddFaults(result, line);
  if (options.stalled > 0) AddStalled(result.tally, line);
  if (options.joins > 0) AddJoins(result.tally, line);
  if (options.idle == absl::ZeroDuration()) AddDriver(result.tally, seconds, line);
  AddServers(result, seconds, line);
  if (!result.servers.empty()) {
    const auto people = static_cast<double>(options.clients + result.tally.joined);
    line["server_kib_per_connection"] = Each(line["server_grown_mib"].get<double>() * 1024, people);
  }
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace gischat::bench
