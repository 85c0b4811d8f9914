#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/bench/load/control.h"
#include "tests/bench/load/crowd.h"
#include "tests/bench/load/join_storm.h"
#include "tests/bench/load/message_maker.h"
#include "tests/bench/load/options.h"
#include "tests/bench/load/roll.h"
#include "tests/bench/load/seating.h"
#include "tests/bench/load/tally.h"
#include "tests/bench/load/traffic.h"

namespace gischat::bench {

// One process's share of the clients. Does what the parent says over the line, one command after
// the other, and answers each with an object, which holds "error" when it could not be done:
//   {"do":"connect"}   everybody connects and is told a count
//   {"do":"register"}  everybody takes a nickname, and hears those of all
//   {"do":"play", "start", "measure", "end": ns}  the run: messages, joins. Answers {"sent"}
//   {"do":"settle", "sent": [count by sender]}  waits for the last deliveries. Answers a Tally
// Between commands the clients go on reading. Single-threaded.
class Worker {
 public:
  // `number`: from 0 of options.processes. `run`: a word of this run, the same for all processes.
  Worker(const Options& options, const Seating& seating, const MessageMaker& maker,
         std::string_view run, size_t number, Control& control);

  // Returns when the line is closed, or after something failed.
  void Run();

 private:
  absl::StatusOr<nlohmann::json> Do(const nlohmann::json& command);
  absl::Status Connect();
  absl::Status Register();
  void Play(const Schedule& schedule);
  Tally Settle(const std::vector<uint32_t>& sent);

  void StopSomeReading();
  void BookClosed();
  bool IsCut(size_t member) const;
  bool JoinsAreOver() const;

  void OnEntered(size_t member);
  void OnHeard(size_t member, std::string_view head);
  void OnRefusal(size_t member, std::string_view head);
  void OnCount(size_t member);
  void OnNewcomer(size_t member, std::string_view head);

  const Options& options_;
  const Seating& seating_;
  const std::vector<size_t> people_;   // by member: the clients, then the joiners
  const std::vector<size_t> clients_;  // the first of them
  const size_t handshakes_;            // under way at once
  Control& control_;
  Crowd crowd_;
  Traffic traffic_;
  Roll roll_;
  JoinStorm joins_;
  Tally tally_;

  std::vector<bool> counted_;  // by member: has been told a count
  size_t counted_clients_ = 0;
  size_t entered_clients_ = 0;
  absl::Status entry_failure_;
  std::vector<bool> stalled_;  // by member
};

}  // namespace gischat::bench
