#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "edge/net/rate.h"

namespace gischat::edge::session {

// Whether a client may say one thing more now: by the rate of its connection, and by the rate that
// all connections of its address share. Copied into a session; confined to its thread.
class MessageGate {
 public:
  enum class Verdict { kOpen, kConnectionRate, kAddressRate };

  // Always open.
  MessageGate() : connection_(net::Rate(0)) {}
  // `address`: shared with others; null: any rate.
  MessageGate(net::Rate connection, std::shared_ptr<net::SharedBucket> address)
      : connection_(connection), address_(std::move(address)) {}

  // Another rate for this connection from now on.
  void Change(net::Rate connection) { connection_ = net::Bucket(connection); }

  // Counts a message. What a connection says beyond its own rate is not charged to its address, so
  // that it can't use up what its neighbours may say.
  Verdict Pass(net::Rate::Clock::time_point now = net::Rate::Clock::now()) {
    if (!connection_.Take(now)) return Verdict::kConnectionRate;
    if (address_ != nullptr && !address_->Take(now)) return Verdict::kAddressRate;
    return Verdict::kOpen;
  }

  // Why it is not open, for a person.
  std::string Words(Verdict verdict) const {
    const bool is_address = verdict == Verdict::kAddressRate;
    const net::Rate rate = is_address ? address_->rate() : connection_.rate();
    return "message: not delivered, at most " + std::to_string(rate.per_second()) +
           " per second may come from one " + (is_address ? "address" : "connection");
  }
  // The same for metrics.
  static std::string_view Label(Verdict verdict) {
    return verdict == Verdict::kAddressRate ? "address_rate" : "rate";
  }

 private:
  net::Bucket connection_;
  std::shared_ptr<net::SharedBucket> address_;
};

}  // namespace gischat::edge::session
