#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/bench/load/stamp.h"

namespace gischat::bench {

// What went wrong with deliveries, summed over all receivers.
struct Faults {
  uint64_t lost = 0;         // never delivered to a receiver that stayed connected
  uint64_t doubled = 0;      // delivered once more
  uint64_t misordered = 0;   // delivered after a later message of the same sender
  uint64_t misrouted = 0;    // delivered in another channel than it was sent to
  uint64_t unpublished = 0;  // messages (not deliveries) that no receiver got at all
  uint64_t other_order = 0;  // receivers that saw the senders' messages interleaved differently
};

// What a ledger holds at the end of a run. Those of several processes are added up before anybody
// judges: only all receivers together tell what nobody got, and which order is the usual one.
struct Balance {
  uint64_t doubled = 0;
  uint64_t misordered = 0;
  uint64_t misrouted = 0;
  std::vector<uint64_t> open;  // receivers that stayed connected, by channel
  // Who (sender, sequence) was missed by how many of them.
  std::map<std::pair<uint32_t, uint32_t>, uint64_t> missing;
  // How many receivers saw so many deliveries in this order: (channel, deliveries, digest).
  std::map<std::tuple<size_t, uint64_t, uint64_t>, uint64_t> orders;

  void Add(const Balance& other);
};

// `channel_of_sender`: by number of the sender.
Faults Judge(const Balance& balance, const std::vector<size_t>& channel_of_sender);

// Books every delivery by receiver and sender. Memory: four bytes for each pair.
class Ledger {
 public:
  // Channels of the receivers of this process, and of all senders.
  Ledger(std::vector<size_t> channel_of_receiver, std::vector<size_t> channel_of_sender);

  // `stamp` must name one of the senders.
  void Deliver(size_t receiver, const Stamp& stamp);

  // A receiver whose connection ended, or that stops reading: what it misses is not lost.
  void Close(size_t receiver) { receivers_[receiver].open = false; }

  // Whether every receiver that is open has every message; `sent`: how many each sender sent.
  bool Complete(const std::vector<uint32_t>& sent) const;

  Balance Settle(const std::vector<uint32_t>& sent) const;

 private:
  struct Receiver {
    size_t channel = 0;
    bool open = true;
    uint64_t deliveries = 0;  // of different messages
    uint64_t order = 0;       // digest of the deliveries in their order
  };
  uint32_t& NextOf(size_t receiver, size_t sender) {
    return next_[receiver * senders_.size() + sender];
  }
  uint32_t NextOf(size_t receiver, size_t sender) const {
    return next_[receiver * senders_.size() + sender];
  }
  bool Expects(const Receiver& receiver, size_t sender) const {
    return receiver.open && receiver.channel == senders_[sender];
  }
  void BookMissing(const std::vector<uint32_t>& sent, Balance& balance) const;

  std::vector<size_t> senders_;  // their channels
  std::vector<uint32_t> next_;   // the sequence expected next, for each pair
  std::vector<Receiver> receivers_;
  // What was skipped, for each pair that skipped something.
  std::map<std::pair<size_t, uint32_t>, std::set<uint32_t>> skipped_;
  uint64_t doubled_ = 0;
  uint64_t misordered_ = 0;
  uint64_t misrouted_ = 0;
};

}  // namespace gischat::bench
