#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/redis/client.h"
#include "services/presence/presence_store.h"

namespace gischat::presence {

// The store that replicas share, in Redis: one script for each operation, under redis/, and the
// clock of Redis for all of them. Thread-safe; calls back on the client's loop.
class RedisPresenceStore final : public PresenceStore {
 public:
  // The client, which knows Scripts(), outlives the store. `instance` keeps installations apart.
  RedisPresenceStore(redis::Client& client, std::string instance, absl::Duration time_to_live);

  static std::vector<const redis::Script*> Scripts();

  void Report(HoldingReport report, base::Callback<ReportOutcome> done) override;
  void Register(Claim claim, base::Callback<ClaimOutcome> done) override;
  void Unregister(Release release, base::Callback<bool> done) override;
  void ListUsers(std::string channel, base::Callback<std::vector<std::string>> done) override;
  void CountConnections(std::string channel, base::Callback<Count> done) override;
  void AnnounceCount(CountAnnouncement announcement, base::Callback<Announcement> done) override;
  void FindExpired(std::string channel, base::Callback<std::vector<Holding>> done) override;
  void FindHolding(std::string channel, std::string lease, base::Callback<Holding> done) override;
  void Evict(Eviction eviction, base::Callback<bool> done) override;

 private:
  // The keys of a channel, for every script.
  std::vector<std::string> Keys(const std::string& channel) const;
  std::string Key(const std::string& channel, std::string_view part) const;
  std::string WithdrawnKey(const std::string& channel, const std::string& nickname,
                           const std::string& lease, uint64_t connection) const;

  redis::Client& client_;
  const std::string instance_;
  const absl::Duration time_to_live_;
};

}  // namespace gischat::presence
