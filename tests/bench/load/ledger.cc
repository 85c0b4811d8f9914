#include "tests/bench/load/ledger.h"

#include <algorithm>

namespace gischat::bench {
namespace {

// Receivers that got as many messages as the most of their channel did, but not in the order that
// the most of those saw.
uint64_t CountOtherOrders(const Balance& balance) {
  struct Channel {
    uint64_t deliveries = 0;  // of those who got the most
    uint64_t receivers = 0;   // that got so many
    uint64_t common = 0;      // of them, in the usual order
  };
  std::map<size_t, Channel> channels;
  for (const auto& [order, receivers] : balance.orders) {
    const auto& [number, deliveries, digest] = order;
    Channel& channel = channels[number];
    if (deliveries > channel.deliveries) channel = Channel{.deliveries = deliveries};
    if (deliveries < channel.deliveries) continue;
    channel.receivers += receivers;
    channel.common = std::max(channel.common, receivers);
  }
  uint64_t others = 0;
  for (const auto& [number, channel] : channels) others += channel.receivers - channel.common;
  return others;
}

}  // namespace

void Balance::Add(const Balance& other) {
  doubled += other.doubled;
  misordered += other.misordered;
  misrouted += other.misrouted;
  open.resize(std::max(open.size(), other.open.size()));
  for (size_t channel = 0; channel < other.open.size(); ++channel) {
    open[channel] += other.open[channel];
  }
  for (const auto& [message, receivers] : other.missing) missing[message] += receivers;
  for (const auto& [order, receivers] : other.orders) orders[order] += receivers;
}

Faults Judge(const Balance& balance, const std::vector<size_t>& channel_of_sender) {
  Faults faults;
  faults.doubled = balance.doubled;
  faults.misordered = balance.misordered;
  faults.misrouted = balance.misrouted;
  for (const auto& [message, receivers] : balance.missing) {
    if (receivers == balance.open[channel_of_sender[message.first]]) {
      ++faults.unpublished;
    } else {
      faults.lost += receivers;
    }
  }
  faults.other_order = CountOtherOrders(balance);
  return faults;
}

Ledger::Ledger(std::vector<size_t> channel_of_receiver, std::vector<size_t> channel_of_sender)
    : senders_(std::move(channel_of_sender)),
      next_(channel_of_receiver.size() * senders_.size(), 1) {
  for (const size_t channel : channel_of_receiver) receivers_.push_back({.channel = channel});
}

void Ledger::Deliver(size_t receiver, const Stamp& stamp) {
  Receiver& booked = receivers_[receiver];
  if (booked.channel != senders_[stamp.sender]) {
    ++misrouted_;
    return;
  }
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
  ++booked.deliveries;
  const uint64_t message = (static_cast<uint64_t>(stamp.sender) << 32) | stamp.sequence;
  booked.order = (booked.order ^ message) * 0x9E3779B97F4A7C15ULL;
}

bool Ledger::Complete(const std::vector<uint32_t>& sent) const {
  for (size_t receiver = 0; receiver < receivers_.size(); ++receiver) {
    for (size_t sender = 0; sender < senders_.size(); ++sender) {
      if (!Expects(receivers_[receiver], sender)) continue;
      if (NextOf(receiver, sender) <= sent[sender]) return false;
    }
  }
  return true;
}

Balance Ledger::Settle(const std::vector<uint32_t>& sent) const {
  Balance balance;
  balance.doubled = doubled_;
  balance.misordered = misordered_;
  balance.misrouted = misrouted_;
  for (const Receiver& receiver : receivers_) {
    balance.open.resize(std::max(balance.open.size(), receiver.channel + 1));
    if (receiver.open) ++balance.open[receiver.channel];
    ++balance.orders[{receiver.channel, receiver.deliveries, receiver.order}];
  }
  BookMissing(sent, balance);
  return balance;
}

void Ledger::BookMissing(const std::vector<uint32_t>& sent, Balance& balance) const {
  for (const auto& [pair, sequences] : skipped_) {
    if (!receivers_[pair.first].open) continue;
    for (const uint32_t sequence : sequences) ++balance.missing[{pair.second, sequence}];
  }
  for (size_t receiver = 0; receiver < receivers_.size(); ++receiver) {
    for (uint32_t sender = 0; sender < senders_.size(); ++sender) {
      if (!Expects(receivers_[receiver], sender)) continue;
      for (uint32_t at = NextOf(receiver, sender); at <= sent[sender]; ++at) {
        ++balance.missing[{sender, at}];
      }
    }
  }
}

}  // namespace gischat::bench
