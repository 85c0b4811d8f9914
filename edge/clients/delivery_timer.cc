#include "edge/clients/delivery_timer.h"

#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "common/metrics/latency_buckets.h"

namespace gischat::edge::clients {
namespace {

using Times = std::vector<Publisher::Clock::time_point>;

// Updates on their way to the sockets, and when the messages in them had been read.
class Delivery {
 public:
  Delivery(hub::Updates updates, Times read, prometheus::Histogram& seconds)
      : updates_(std::move(updates)), read_(std::move(read)), seconds_(seconds) {}
  ~Delivery() {
    const auto now = Publisher::Clock::now();
    for (const auto& read : read_) {
      seconds_.Observe(std::chrono::duration<double>(now - read).count());
    }
  }

  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;

  const hub::Updates& updates() const { return updates_; }

 private:
  const hub::Updates updates_;
  const Times read_;
  prometheus::Histogram& seconds_;
};

}  // namespace

DeliveryTimer::DeliveryTimer(Publisher& publisher, prometheus::Registry& registry)
    : publisher_(publisher),
      seconds_(prometheus::BuildHistogram()
                   .Name("gischat_edge_delivery_seconds")
                   .Help("Time from the read of a message at this edge until the last of its "
                         "sockets was given it")
                   .Register(registry)
                   .Add({}, metrics::LatencyBuckets())) {}

hub::Updates DeliveryTimer::Watch(hub::Updates updates) {
  Times read;
  for (const hub::ChannelUpdate& update : *updates) {
    for (const hub::Happening& happening : update.happenings) {
      if (happening.token == 0) continue;
      const auto time = publisher_.TakeReadTime(update.channel, happening.token);
      if (time) read.push_back(*time);
    }
  }
  if (read.empty()) return updates;
  auto delivery = std::make_shared<Delivery>(std::move(updates), std::move(read), seconds_);
  const auto* watched = delivery->updates().get();
  return {std::move(delivery), watched};
}

}  // namespace gischat::edge::clients
