#include "tests/bench/load/server_watch.h"

#include <algorithm>

#include "absl/status/statusor.h"
#include "tests/bench/load/proc_stats.h"

namespace gischat::bench {

ServerWatch::ServerWatch(const std::vector<pid_t>& pids) {
  for (const pid_t pid : pids) servers_.emplace_back().pid = pid;
}

absl::Status ServerWatch::NoteEmpty() {
  for (Server& server : servers_) {
    const absl::StatusOr<ProcStats> stats = ReadProcStats(server.pid);
    if (!stats.ok()) return stats.status();
    server.name = stats->name;
    server.rss_mib_empty = stats->rss_mib;
  }
  return absl::OkStatus();
}

absl::Status ServerWatch::Begin() {
  for (Server& server : servers_) {
    const absl::StatusOr<ProcStats> stats = ReadProcStats(server.pid);
    if (!stats.ok()) return stats.status();
    server.cpu = -stats->cpu;
    server.rss_mib_begin = stats->rss_mib;
  }
  Sample();
  return absl::OkStatus();
}

void ServerWatch::Sample() {
  double sum = 0;
  for (const Server& server : servers_) sum += ReadRssMib(server.pid);
  most_rss_mib_ = std::max(most_rss_mib_, sum);
}

absl::Status ServerWatch::End() {
  Sample();
  for (Server& server : servers_) {
    const absl::StatusOr<ProcStats> stats = ReadProcStats(server.pid);
    if (!stats.ok()) return stats.status();
    server.cpu += stats->cpu;
    server.rss_mib_end = stats->rss_mib;
    server.peak_rss_mib = stats->peak_rss_mib;
  }
  return absl::OkStatus();
}

}  // namespace gischat::bench
