#include "tests/bench/load/ledger.h"

#include <algorithm>

namespace gischat::bench {

Ledger::Ledger(size_t receivers, size_t senders)
    : senders_(senders), next_(receivers * senders, 1), receivers_(receivers) {}

void Ledger::Deliver(size_t receiver, Stamp stamp) {
  uint32_t& next = NextOf(receiver, stamp.sender);
  if (stamp.sequence < next) {
    const auto skipped = skipped_.find({receiver, stamp.sender});
    if (skipped == skipped_.end() || skipped->second.erase(stamp.sequence) == 0) {
      ++doubled_;
      return;
    }
    ++misordered_;
  } else {
    for (; next < stamp.sequence; ++next) skipped_[{receiver, stamp.sender}].insert(next);
    ++next;
  }
  Receiver& booked = receivers_[receiver];
  ++booked.deliveries;
  const uint64_t message = (static_cast<uint64_t>(stamp.sender) << 32) | stamp.sequence;
  booked.order = (booked.order ^ message) * 0x9E3779B97F4A7C15ULL;
}

bool Ledger::Complete(const std::vector<uint32_t>& sent) const {
  for (size_t receiver = 0; receiver < receivers_.size(); ++receiver) {
    if (!receivers_[receiver].open) continue;
    for (size_t sender = 0; sender < senders_; ++sender) {
      if (NextOf(receiver, sender) <= sent[sender]) return false;
    }
  }
  return true;
}

Faults Ledger::Settle(const std::vector<uint32_t>& sent) const {
  Faults faults;
  faults.doubled = doubled_;
  faults.misordered = misordered_;
  const auto open = static_cast<size_t>(std::count_if(receivers_.begin(), receivers_.end(),
                                                      [](const Receiver& r) { return r.open; }));
  for (const auto& [message, receivers] : MissingMessages(sent)) {
    if (receivers == open) {
      ++faults.unpublished;
    } else {
      faults.lost += receivers;
    }
  }
  faults.other_order = CountOtherOrders();
  return faults;
}

// For each message that somebody misses, how many do.
std::map<std::pair<uint32_t, uint32_t>, size_t> Ledger::MissingMessages(
    const std::vector<uint32_t>& sent) const {
  std::map<std::pair<uint32_t, uint32_t>, size_t> missing;
  for (const auto& [pair, sequences] : skipped_) {
    if (!receivers_[pair.first].open) continue;
    for (const uint32_t sequence : sequences) ++missing[{pair.second, sequence}];
  }
  for (size_t receiver = 0; receiver < receivers_.size(); ++receiver) {
    if (!receivers_[receiver].open) continue;
    for (uint32_t sender = 0; sender < senders_; ++sender) {
      for (uint32_t at = NextOf(receiver, sender); at <= sent[sender]; ++at) {
        ++missing[{sender, at}];
      }
    }
  }
  return missing;
}

// Receivers that got as many messages as the most did, but not in the order that the most saw.
uint64_t Ledger::CountOtherOrders() const {
  std::map<std::pair<uint64_t, uint64_t>, uint64_t> orders;
  uint64_t most_deliveries = 0;
  for (const Receiver& receiver : receivers_) {
    most_deliveries = std::max(most_deliveries, receiver.deliveries);
    ++orders[{receiver.deliveries, receiver.order}];
  }
  uint64_t complete = 0;
  uint64_t common = 0;
  for (const auto& [order, receivers] : orders) {
    if (order.first != most_deliveries) continue;
    complete += receivers;
    common = std::max(common, receivers);
  }
  return complete - common;
}

}  // namespace gischat::bench
