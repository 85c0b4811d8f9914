#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace gischat::bench {

// What a process has used so far.
struct ProcStats {
  std::string name;
  absl::Duration cpu;       // user and system, all threads, since the process began
  double rss_mib = 0;       // resident memory now
  double peak_rss_mib = 0;  // and at most
};

// Reads /proc and the process's clock. kNotFound when there is no such process.
absl::StatusOr<ProcStats> ReadProcStats(pid_t pid);

// Resident memory now; 0 when there is no such process. Cheap enough to be asked often.
double ReadRssMib(pid_t pid);

// Processor time of this process so far.
absl::Duration OwnCpu();

}  // namespace gischat::bench
