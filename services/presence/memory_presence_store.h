#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "services/presence/presence_store.h"

namespace gischat::bus {
class MemoryBus;
}

namespace gischat::presence {

// The store of a single process. Never fails; calls back before the call returns, with no lock
// held. Thread-safe.
class MemoryPresenceStore final : public PresenceStore {
 public:
  // Events go to `bus`. A lease ends `time_to_live` after its last report. Both references outlive
  // the store.
  MemoryPresenceStore(bus::MemoryBus& bus, const base::Clock& clock, absl::Duration time_to_live);

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
  struct Lease {
    absl::Time expiry;
    uint64_t sequence = 0;  // of its last report
    uint64_t connections = 0;
  };
  struct User {
    std::string lease;
    uint64_t connection = 0;
    std::string request_id;
    uint64_t order = 0;  // grows with every registration
  };
  // A nickname that a connection gave back: nickname, lease, connection.
  using Identity = std::tuple<std::string, std::string, uint64_t>;
  struct Withdrawn {
    std::string request_id;  // of the claim; empty: whatever it was
    absl::Time until;
  };
  struct Channel {
    std::map<std::string, Lease> leases;
    std::unordered_map<std::string, User> users;
    Count count;
    uint64_t last_order = 0;
    std::map<Identity, Withdrawn> withdrawn;
    // What the channel heard last.
    uint64_t told_revision = 0;
    std::optional<absl::Time> told_at;
  };

  // All of these are called with the lock held.
  void Recount(Channel& channel);
  const Channel& At(const std::string& channel) const;
  bool ReleaseName(const Release& release);
  bool IsWithdrawn(const Channel& channel, const Claim& claim) const;
  static Holding HoldingOf(const Channel& channel, const std::string& lease);
  static std::vector<std::string> InOrder(std::vector<std::pair<uint64_t, std::string>> names);
  ClaimOutcome TryRegister(const Claim& claim);
  Announcement TryAnnounce(const CountAnnouncement& announcement);
  bool TryEvict(const Eviction& eviction);
  void Publish(const std::string& channel, const std::string& event);
  // What became of a claim: "newcomer" or "exiter".
  void Tell(const char* what, const std::string& channel, const User& user,
            const std::string& event);

  bus::MemoryBus& bus_;
  const base::Clock& clock_;
  const absl::Duration time_to_live_;

  std::mutex mutex_;  // held while events are appended to the bus, never while calling back
  std::unordered_map<std::string, Channel> channels_;
};

}  // namespace gischat::presence
