#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/bench/load/control.h"
#include "tests/bench/load/message_maker.h"
#include "tests/bench/load/options.h"
#include "tests/bench/load/seating.h"
#include "tests/bench/load/server_watch.h"
#include "tests/bench/load/tally.h"

namespace gischat::bench {

// What a run found out, all processes together.
struct Result {
  absl::Duration measured;
  int64_t began_ns = 0;  // of CLOCK_MONOTONIC, when measuring began
  Tally tally;
  Faults faults;
  std::vector<ServerWatch::Server> servers;
  double most_rss_mib = 0;  // of all servers together, in the measured time

  bool ok() const;
};

// One run: starts the workers, leads them from one step to the next, measures the server, and
// judges what all of them heard together. Single-threaded.
class Load {
 public:
  explicit Load(Options options);

  // Ends the workers that are still there.
  ~Load();

  // kUnavailable when not everybody could be connected or a worker ended; kInvalidArgument for a
  // faulty URL or file; kNotFound for a pid that is nobody's.
  absl::Status Run();

  const Result& result() const { return result_; }

 private:
  struct Child {
    pid_t pid = 0;
    Control control;
    bool answered = false;
  };

  absl::Status Start();
  void StartWorker(const Seating& seating, const MessageMaker& maker, const std::string& run,
                   size_t number);
  absl::Status ConnectAll();
  absl::Status Idle();
  absl::Status Play();
  absl::Status Settle();

  // Tells all workers and gathers their answers; samples the servers' memory meanwhile.
  absl::StatusOr<std::vector<nlohmann::json>> Ask(const nlohmann::json& command);
  absl::StatusOr<std::vector<nlohmann::json>> Gather();
  absl::Status GatherSent();
  void AwaitWord();
  void SleepUntil(int64_t until_ns);
  absl::Status Tell(const nlohmann::json& command);

  Options options_;
  ServerWatch watch_;
  std::vector<Child> children_;
  std::vector<size_t> channel_of_sender_;
  std::vector<uint32_t> sent_;  // by sender
  Result result_;
};

}  // namespace gischat::bench
