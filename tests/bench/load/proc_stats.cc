#include "tests/bench/load/proc_stats.h"

#include <sys/resource.h>
#include <unistd.h>

#include <ctime>
#include <fstream>
#include <sstream>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

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

// The clock of another process counts nanoseconds, /proc/PID/stat hundredths of a second.
absl::StatusOr<absl::Duration> CpuOf(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0) {
    return absl::NotFoundError(absl::StrCat("no clock of process ", pid));
  }
  return absl::DurationFromTimespec(time);
}

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
  const absl::StatusOr<absl::Duration> cpu = CpuOf(pid);
  if (!cpu.ok()) return cpu.status();
  const std::string status = ReadFile(folder + "status");
  return ProcStats{.name = stat.substr(open + 1, close - open - 1),
                   .cpu = *cpu,
                   .rss_mib = MebibytesOf(status, "VmRSS"),
                   .peak_rss_mib = MebibytesOf(status, "VmHWM")};
}

double ReadRssMib(pid_t pid) {
  const std::string statm = ReadFile(absl::StrCat("/proc/", pid, "/statm"));
  std::istringstream fields(statm);
  double total = 0;
  double resident = 0;
  fields >> total >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
}

absl::Duration OwnCpu() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return absl::DurationFromTimeval(usage.ru_utime) + absl::DurationFromTimeval(usage.ru_stime);
}

}  // namespace gischat::bench
