#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/callback.h"
#include "common/base/clock.h"
#include "services/presence/census.h"
#include "services/presence/count_announcer.h"
#include "services/presence/events.h"
#include "services/presence/presence_store.h"
#include "services/presence/timers.h"

namespace prometheus {
class Counter;
class Registry;
}  // namespace prometheus

namespace gischat::presence {

// Ends leases, and looks for those whose time has run out in every channel that it has heard of.
//
// In each round it also reads the channel's count and has it announced, so that what another
// replica left unsaid when it died is said, and the census knows it though no edge is left.
// Thread-safe. Made by std::make_shared; the store and the registry outlive it.
class Sweeper : public std::enable_shared_from_this<Sweeper> {
 public:
  // Sweeps every `interval`. Evicts nothing for `patience` after Start(), after each Postpone() and
  // after a round that failed or came much too late. The clock outlives it too.
  Sweeper(PresenceStore& store, EventWriter events, std::shared_ptr<CountAnnouncer> announcer,
          std::shared_ptr<Census> census, std::shared_ptr<Timers> timers, const base::Clock& clock,
          absl::Duration interval, absl::Duration patience, prometheus::Registry& registry);

  void Start();

  // Begins no further round.
  void Stop();

  void Hear(const std::string& channel);

  // The store or its clients were away: leases may have run out through no fault of their holders.
  void Postpone();

  // Evicts some leases from a channel and has the new count announced. `done` gets kUnavailable as
  // soon as one of them could not be evicted.
  void Evict(const std::string& channel, std::vector<Holding> holdings, bool only_if_expired,
             base::StatusCallback done);

 private:
  void ArmTimer();
  void Sweep();
  void SweepChannel(const std::string& channel);
  void OnExpired(const std::string& channel, absl::StatusOr<std::vector<Holding>> expired);
  void FinishChannel(const std::string& channel, const absl::Status& status);
  void AnnounceCount(const std::string& channel, base::StatusCallback done);
  bool MayEvict();

  PresenceStore& store_;
  const EventWriter events_;
  const std::shared_ptr<CountAnnouncer> announcer_;
  const std::shared_ptr<Census> census_;
  const std::shared_ptr<Timers> timers_;
  const base::Clock& clock_;
  const absl::Duration interval_;
  const int64_t patient_rounds_;  // one more, for the first may be a part of one
  prometheus::Counter& evictions_;

  std::mutex mutex_;  // never held while anything else is called
  bool stopped_ = false;
  absl::Time last_round_;
  int64_t rounds_to_wait_;
  size_t channels_under_way_ = 0;
  std::set<std::string> channels_;
};

}  // namespace gischat::presence
