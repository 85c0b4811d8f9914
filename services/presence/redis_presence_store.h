#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/bus/message_bus.h"
#include "common/redis/client.h"
#include "services/presence/presence_store.h"

namespace gischat::presence {

// The store that replicas share, in Redis: one script for each operation, under redis/, and the
// clock of Redis for all of them. Thread-safe; calls back on the client's loop.
//
// When Redis is full, leases are still renewed and ended, counts told and nicknames given back; a
// claim gets kResourceExhausted, and nothing is changed halfway.
class RedisPresenceStore final : public PresenceStore {
 public:
  // The client, which knows Scripts(), outlives the store. `instance` keeps installations apart;
  // it and `limits` are those of every other process that appends to the same channels.
  RedisPresenceStore(redis::Client& client, std::string instance, bus::Limits limits,
                     absl::Duration time_to_live);

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
  // Runs a script on the keys of a channel, and `more_keys`.
  void Run(const redis::Script& script, const std::string& channel,
           const std::vector<std::string>& more_keys, std::vector<std::string> arguments,
           base::Callback<redis::Reply> done);
  // Goes on with an eviction from one of its exits on; `ended`: whether it has ended the lease.
  void EvictFrom(size_t begin, std::shared_ptr<const Eviction> eviction, bool ended,
                 base::Callback<bool> done);
  std::string WithdrawnKey(const std::string& channel, const std::string& nickname,
                           const std::string& lease, uint64_t connection) const;

  redis::Client& client_;
  const std::string instance_;
  const bus::Limits limits_;
  const absl::Duration time_to_live_;
};

}  // namespace gischat::presence
