#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "tests/bench/load/stamp.h"

namespace gischat::bench {

// What went wrong with deliveries, summed over all receivers.
struct Faults {
  uint64_t lost = 0;         // never delivered to a receiver that stayed connected
  uint64_t doubled = 0;      // delivered once more
  uint64_t misordered = 0;   // delivered after a later message of the same sender
  uint64_t unpublished = 0;  // messages (not deliveries) that no receiver got at all
  uint64_t other_order = 0;  // receivers that saw the senders' messages interleaved differently
};

// Books every delivery by receiver and sender. Memory: four bytes for each pair.
class Ledger {
 public:
  Ledger(size_t receivers, size_t senders);

  // `stamp` must name one of the senders.
  void Deliver(size_t receiver, Stamp stamp);

  // A receiver whose connection ended: what it misses from now on is not lost.
  void Close(size_t receiver) { receivers_[receiver].open = false; }

  // Whether every receiver that is open has every message; `sent`: how many each sender sent.
  bool Complete(const std::vector<uint32_t>& sent) const;

  Faults Settle(const std::vector<uint32_t>& sent) const;

 private:
  struct Receiver {
    bool open = true;
    uint64_t deliveries = 0;  // of different messages
    uint64_t order = 0;       // digest of the deliveries in their order
  };
  uint32_t& NextOf(size_t receiver, size_t sender) { return next_[receiver * senders_ + sender]; }
  uint32_t NextOf(size_t receiver, size_t sender) const {
    return next_[receiver * senders_ + sender];
  }
  std::map<std::pair<uint32_t, uint32_t>, size_t> MissingMessages(
      const std::vector<uint32_t>& sent) const;
  uint64_t CountOtherOrders() const;

  size_t senders_;
  std::vector<uint32_t> next_;  // the sequence expected next, for each pair
  std::vector<Receiver> receivers_;
  // What was skipped, for each pair that skipped something.
  std::map<std::pair<size_t, uint32_t>, std::set<uint32_t>> skipped_;
  uint64_t doubled_ = 0;
  uint64_t misordered_ = 0;
};

}  // namespace gischat::bench
