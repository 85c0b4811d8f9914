#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/bench/load/crowd.h"
#include "tests/bench/load/ledger.h"
#include "tests/bench/load/message_maker.h"
#include "tests/bench/load/options.h"
#include "tests/bench/load/seating.h"
#include "tests/bench/load/stamp.h"
#include "tests/bench/load/tally.h"

namespace gischat::bench {

// When a run happens, on the monotonic clock, the same for all processes.
struct Schedule {
  int64_t start_ns = 0;    // writing begins
  int64_t measure_ns = 0;  // what is due from now on is measured
  int64_t end_ns = 0;      // writing ends; INT64_MAX: when End() is called
};

// The messages that this process writes, and all that it hears. Closed loop: each sender keeps a
// window of messages under way. Open loop: each message has its time, and is counted from it. Not
// thread-safe.
class Traffic {
 public:
  // `clients`: those of this process, by number; they are the first members of the crowd.
  // `senders`: the members who write.
  Traffic(const Options& options, const Seating& seating, const MessageMaker& maker,
          std::string_view run, const std::vector<size_t>& clients, std::vector<size_t> senders,
          Crowd& crowd);

  void Begin(const Schedule& schedule);
  void SendWhatIsDue();
  int64_t NextDue() const;  // INT64_MAX: nothing by the clock
  void End() { writing_ = false; }

  // Books the message if it is one of this run; else says false.
  bool Hear(size_t member, std::string_view head);

  // A message of this member was refused: it is not under way any longer.
  void Refuse(size_t member);

  // What a client misses from now on is not lost.
  void Close(size_t member) { ledger_.Close(member); }

  // How many messages each sender of this process wrote: (sender, count).
  std::vector<std::pair<size_t, uint32_t>> sent() const;

  // `sent`: by sender, of all processes.
  bool Complete(const std::vector<uint32_t>& sent) const { return ledger_.Complete(sent); }
  void Settle(const std::vector<uint32_t>& sent, Tally& tally) const;

 private:
  void Send(size_t member, int64_t due_ns);
  bool in_closed_loop() const { return options_.rate == 0; }

  const Options& options_;
  const MessageMaker& maker_;
  StampCodec stamps_;
  const std::vector<size_t> clients_;
  const std::vector<size_t> senders_;  // members
  Crowd& crowd_;
  Ledger ledger_;
  std::vector<uint32_t> sent_;  // by member
  Tally tally_;                 // what concerns messages
  Schedule schedule_;
  bool writing_ = false;
  uint64_t open_loop_sent_ = 0;  // by this process
};

}  // namespace gischat::bench
