#include "tests/bench/load/proc_stats.h"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace gischat::bench {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// A line like "VmRSS:     1234 kB" of /proc/PID/status, in MiB; 0 when it is not there.
double MebibytesOf(const std::string& status, const std::string& key) {
  const size_t at = status.find(key + ":");
  if (at == std::string::npos) return 0;
  return std::stod(status.substr(at + key.size() + 1)) / 1024;
}

absl::Duration FromTimeval(const timeval& time) { return absl::DurationFromTimeval(time); }

}  // namespace

absl::StatusOr<ProcStats> ReadProcStats(pid_t pid) {
  const std::string folder = absl::StrCat("/proc/", pid, "/");
  const std::string stat = ReadFile(folder + "stat");
  // The name stands in parentheses and may hold blanks: the fields begin after the last one.
  const size_t open = stat.find('(');
  const size_t close = stat.rfind(')');
  if (open == std::string::npos || close == std::string::npos) {
    return absl::NotFoundError(absl::StrCat("no process ", pid));
  }
  const std::vector<std::string> fields = absl::StrSplit(stat.substr(close + 2), ' ');
  constexpr size_t kUserTicks = 11;
  constexpr size_t kSystemTicks = 12;
  if (fields.size() <= kSystemTicks) return absl::InternalError("odd /proc/PID/stat");
  const auto ticks = std::stod(fields[kUserTicks]) + std::stod(fields[kSystemTicks]);
  const std::string status = ReadFile(folder + "status");
  return ProcStats{.name = stat.substr(open + 1, close - open - 1),
                   .cpu = absl::Seconds(ticks / static_cast<double>(::sysconf(_SC_CLK_TCK))),
                   .rss_mib = MebibytesOf(status, "VmRSS"),
                   .peak_rss_mib = MebibytesOf(status, "VmHWM")};
}

absl::Duration OwnCpu() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return FromTimeval(usage.ru_utime) + FromTimeval(usage.ru_stime);
}

}  // namespace gischat::bench
