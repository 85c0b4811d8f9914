#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/bench/load/connection.h"
#include "tests/bench/load/histogram.h"
#include "tests/bench/load/ledger.h"
#include "tests/bench/load/options.h"
#include "tests/bench/load/poller.h"
#include "tests/bench/load/proc_stats.h"
#include "tests/bench/load/stamp.h"

namespace gischat::bench {

// What a run found out. Rates and latencies are those of the measured time; faults, refusals and
// closed connections count over the whole run.
struct Result {
  absl::Duration connect_time;  // until every client was connected
  absl::Duration measured;
  uint64_t messages_sent = 0;   // in the measured time
  uint64_t deliveries = 0;      // in the measured time
  uint64_t bytes_received = 0;  // whole run
  Histogram latency_ns;         // of messages sent in the measured time
  Faults faults;
  uint64_t refusals = 0;      // `uncompliant` answers
  uint64_t closed = 0;        // connections that the server ended
  absl::Duration driver_cpu;  // of this process, in the measured time
  struct Server {
    pid_t pid = 0;
    ProcStats before;
    ProcStats after;
  };
  std::vector<Server> servers;

  bool ok() const;
};

// One run: connects everybody, warms up, measures, waits for the last deliveries, books what went
// wrong. Single-threaded.
class Load {
 public:
  explicit Load(Options options);

  // kUnavailable when not everybody could be connected; kInvalidArgument for a faulty URL or pid.
  absl::Status Run();

  const Result& result() const { return result_; }

 private:
  enum class Phase { kConnecting, kWarmup, kMeasuring, kDraining };

  absl::Status ConnectAll();
  absl::Status AwaitCounts();
  absl::Status RegisterAll();
  absl::Status MeasureServers(ProcStats Result::Server::*when);
  void SendFor(absl::Duration time);
  void Drain();
  void BookClosed();

  void Send(size_t sender, int64_t due_ns);
  void SendWhatIsDue();
  int64_t NextDue() const;

  void OnMessage(size_t receiver, std::string_view message);
  void OnDelivery(size_t receiver, Stamp stamp);
  void OnRefusal(size_t receiver);
  void Poll(int64_t until_ns);

  Options options_;
  StampCodec stamps_;
  Poller poller_;
  std::vector<std::unique_ptr<Connection>> connections_;
  Ledger ledger_;
  Result result_;
  Phase phase_ = Phase::kConnecting;

  std::vector<uint32_t> sent_;                 // by sender
  std::vector<std::vector<int64_t>> sent_at_;  // by sender: when each message was due, ns
  int64_t measuring_since_ns_ = 0;
  int64_t open_loop_since_ns_ = 0;
  uint64_t open_loop_sent_ = 0;
  int64_t now_ns_ = 0;  // when the bytes at hand were read

  std::vector<bool> settled_;  // has been told a count
  size_t settled_count_ = 0;
  size_t registered_count_ = 0;
};

}  // namespace gischat::bench
