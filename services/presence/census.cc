#include "services/presence/census.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

namespace gischat::presence {

Census::Census(const base::Clock& clock, absl::Duration time_to_live,
               prometheus::Registry& registry)
    : clock_(clock),
      time_to_live_(time_to_live),
      leases_(prometheus::BuildGauge()
                  .Name("gischat_presence_leases")
                  .Help("Leases whose reports this replica has seen lately.")
                  .Register(registry)
                  .Add({})),
      connections_(prometheus::BuildGauge()
                       .Name("gischat_presence_connections")
                       .Help("Connections of all leases in a channel, as last seen in a report.")
                       .Register(registry)),
      claims_(prometheus::BuildCounter()
                  .Name("gischat_presence_claims_total")
                  .Help("Claims of nicknames by outcome.")
                  .Register(registry)),
      calls_(prometheus::BuildCounter()
                 .Name("gischat_presence_calls_total")
                 .Help("Calls answered, by method and status code.")
                 .Register(registry)) {}

void Census::SawReport(const std::string& lease) {
  const absl::Time now = clock_.Now();
  std::lock_guard lock(mutex_);
  last_seen_[lease] = now;
  ForgetSilent(now);
}

void Census::SawDetach(const std::string& lease) {
  std::lock_guard lock(mutex_);
  last_seen_.erase(lease);
  leases_.Set(static_cast<double>(last_seen_.size()));
}

void Census::ForgetSilent(absl::Time now) {
  std::erase_if(last_seen_, [&](const auto& entry) { return entry.second + time_to_live_ < now; });
  leases_.Set(static_cast<double>(last_seen_.size()));
}

void Census::SawConnections(const std::string& channel, uint64_t connections) {
  std::lock_guard lock(mutex_);
  auto place = channels_.find(channel);
  if (place == channels_.end()) {
    if (channels_.size() >= kMaxChannels) return;
    place = channels_.emplace(channel, &connections_.Add({{"channel", channel}})).first;
  }
  place->second->Set(static_cast<double>(connections));
}

void Census::SawClaim(std::string_view outcome) {
  claims_.Add({{"outcome", std::string(outcome)}}).Increment();
}

void Census::SawCall(std::string_view method, std::string_view code) {
  calls_.Add({{"method", std::string(method)}, {"code", std::string(code)}}).Increment();
}

}  // namespace gischat::presence
