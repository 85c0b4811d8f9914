#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace gischat::bench {

// Processor time and memory of the server's processes. Not thread-safe.
class ServerWatch {
 public:
  struct Server {
    pid_t pid = 0;
    std::string name;
    absl::Duration cpu;        // in the measured time
    double rss_mib_empty = 0;  // resident memory before anybody connected,
    double rss_mib_begin = 0;  // when the measurement began,
    double rss_mib_end = 0;    // and when it ended
    double peak_rss_mib = 0;   // at most, since the process began
  };

  explicit ServerWatch(const std::vector<pid_t>& pids);

  // To be called in this order. kNotFound: a process is not there.
  absl::Status NoteEmpty();
  absl::Status Begin();
  void Sample();  // now and then in between
  absl::Status End();

  const std::vector<Server>& servers() const { return servers_; }

  // The most that all of them together had, as far as sampled in the measured time.
  double most_rss_mib() const { return most_rss_mib_; }

 private:
  std::vector<Server> servers_;
  double most_rss_mib_ = 0;
};

}  // namespace gischat::bench
