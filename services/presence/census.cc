#include "services/presence/census.h"

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
      claims_(registry, "gischat_presence_claims_total", "Claims of nicknames by outcome.",
              "outcome", {"registered", "taken", "lease_unknown", "failed"}) {
  for (const char* method : kMethods) {
    calls_.emplace(method,
                   metrics::FixedCounters(registry, "gischat_presence_calls_total",
                                          "Calls answered, by method and status code.", "code",
                                          metrics::StatusCodes(), {{"method", method}}));
  }
}

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

void Census::SawClaim(std::string_view outcome) { claims_.Count(outcome); }

void Census::SawCall(std::string_view method, std::string_view code) {
  const auto calls = calls_.find(method);
  if (calls != calls_.end()) calls->second.Count(code);
}

void Census::Refresh() {
  const absl::Time now = clock_.Now();
  const std::lock_guard lock(mutex_);
  ForgetSilent(now);
}

}  // namespace gischat::presence
