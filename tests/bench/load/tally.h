#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/bench/load/histogram.h"
#include "tests/bench/load/ledger.h"

namespace gischat::bench {

// What a process found out. Rates and latencies are those of the measured time; faults, refusals
// and closed connections count over the whole run.
struct Tally {
  double connect_seconds = 0;  // until every client was connected
  uint64_t sent = 0;           // messages, in the measured time
  uint64_t deliveries = 0;     // in the measured time
  uint64_t bytes_received = 0;
  Histogram latency_ns;     // of deliveries, of messages due in the measured time
  Histogram round_trip_ns;  // of those, the ones to the sender itself
  Histogram late_ns;        // open loop: how much later than due they were sent
  Balance balance;
  uint64_t refusals = 0;  // `uncompliant` answers
  std::string first_refusal;
  uint64_t closed = 0;       // connections that the server ended, of clients that read
  uint64_t stalled = 0;      // clients that stopped reading
  uint64_t stalled_cut = 0;  // those of them that the server ended

  uint64_t newcomers_lost = 0;  // a client did not hear of a newcomer
  uint64_t newcomers_doubled = 0;
  uint64_t newcomers_misrouted = 0;

  uint64_t joined = 0;
  uint64_t join_failures = 0;
  std::string first_join_failure;
  Histogram join_ns;           // from its beginning (open loop: from when it was due) to its end
  int64_t joins_from_ns = 0;   // when the first began
  int64_t joins_until_ns = 0;  // when the last was done

  std::vector<double> cpu_seconds;  // in the measured time, by process

  void Add(const Tally& other);
};

// For the way between processes, which run the same program.
void to_json(nlohmann::json& json, const Tally& tally);
void from_json(const nlohmann::json& json, Tally& tally);

}  // namespace gischat::bench
