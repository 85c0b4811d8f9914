#include "services/presence/sweeper.h"

#include <prometheus/counter.h>
#include <prometheus/registry.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "services/presence/gather.h"

namespace gischat::presence {
namespace {

// A round that is late by more than this was not just busy.
constexpr absl::Duration kHang = absl::Seconds(1);

Eviction MakeEviction(const EventWriter& events, const std::string& channel, Holding holding,
                      bool only_if_expired) {
  Eviction eviction{.channel = channel,
                    .lease = std::move(holding.lease),
                    .only_if_expired = only_if_expired,
                    .exits = {}};
  eviction.exits.reserve(holding.nicknames.size());
  for (std::string& nickname : holding.nicknames) {
    std::string event = events.Exiter(nickname);
    eviction.exits.push_back({.nickname = std::move(nickname), .exiter_event = std::move(event)});
  }
  return eviction;
}

}  // namespace

Sweeper::Sweeper(PresenceStore& store, EventWriter events,
                 std::shared_ptr<CountAnnouncer> announcer, std::shared_ptr<Census> census,
                 std::shared_ptr<Timers> timers, const base::Clock& clock, absl::Duration interval,
                 absl::Duration patience, prometheus::Registry& registry)
    : store_(store),
      events_(events),
      announcer_(std::move(announcer)),
      census_(std::move(census)),
      timers_(std::move(timers)),
      clock_(clock),
      interval_(interval),
      patient_rounds_((patience + interval - absl::Nanoseconds(1)) / interval + 1),
      evictions_(prometheus::BuildCounter()
                     .Name("gischat_presence_evictions_total")
                     .Help("Leases that ran out and were ended by this replica, per channel held.")
                     .Register(registry)
                     .Add({})),
      rounds_to_wait_(patient_rounds_) {}

void Sweeper::Start() {
  {
    const std::lock_guard lock(mutex_);
    last_round_ = clock_.Now();
    rounds_to_wait_ = patient_rounds_;
  }
  ArmTimer();
}

void Sweeper::Stop() {
  std::lock_guard lock(mutex_);
  stopped_ = true;
}

void Sweeper::Hear(const std::string& channel) {
  std::lock_guard lock(mutex_);
  channels_.insert(channel);
}

void Sweeper::Postpone() {
  std::lock_guard lock(mutex_);
  rounds_to_wait_ = patient_rounds_;
}

void Sweeper::ArmTimer() {
  timers_->After(interval_, [weak = weak_from_this()] {
    if (auto self = weak.lock()) self->Sweep();
  });
}

void Sweeper::Sweep() {
  std::set<std::string> channels;
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
    const absl::Time now = clock_.Now();
    // This process hung, or its machine slept: nobody could renew through it.
    if (now - last_round_ > interval_ + kHang) rounds_to_wait_ = patient_rounds_;
    last_round_ = now;
    if (rounds_to_wait_ > 0) --rounds_to_wait_;
    if (channels_under_way_ == 0) {
      channels = channels_;
      channels_under_way_ = channels.size();
    }
  }
  census_->Refresh();
  for (const std::string& channel : channels) SweepChannel(channel);
  ArmTimer();
}

void Sweeper::SweepChannel(const std::string& channel) {
  store_.FindExpired(
      channel, [weak = weak_from_this(), channel](absl::StatusOr<std::vector<Holding>> expired) {
        if (auto self = weak.lock()) self->OnExpired(channel, std::move(expired));
      });
}

void Sweeper::OnExpired(const std::string& channel, absl::StatusOr<std::vector<Holding>> expired) {
  if (!expired.ok()) return FinishChannel(channel, expired.status());
  auto finish = [weak = weak_from_this(), channel](const absl::Status& status) {
    if (auto self = weak.lock()) self->FinishChannel(channel, status);
  };
  if (expired->empty() || !MayEvict()) return AnnounceCount(channel, std::move(finish));
  Evict(channel, *std::move(expired), /*only_if_expired=*/true, std::move(finish));
}

void Sweeper::Evict(const std::string& channel, std::vector<Holding> holdings, bool only_if_expired,
                    base::StatusCallback done) {
  auto gather = Gather<bool>::Make(
      holdings.size(), [self = shared_from_this(), channel, only_if_expired,
                        done = std::move(done)](absl::StatusOr<std::vector<bool>> evicted) mutable {
        if (!evicted.ok()) return std::move(done)(evicted.status());
        if (only_if_expired) {
          for (bool ended : *evicted) self->evictions_.Increment(ended ? 1 : 0);
        }
        self->AnnounceCount(channel, std::move(done));
      });
  for (size_t i = 0; i < holdings.size(); ++i) {
    if (only_if_expired) {
      spdlog::warn("presence: lease {} ran out in channel {}, ending it and its {} nicknames",
                   holdings[i].lease, channel, holdings[i].nicknames.size());
    }
    store_.Evict(MakeEviction(events_, channel, std::move(holdings[i]), only_if_expired),
                 gather->Slot(i));
  }
}

void Sweeper::AnnounceCount(const std::string& channel, base::StatusCallback done) {
  store_.CountConnections(channel, [announcer = announcer_, census = census_, channel,
                                    done = std::move(done)](absl::StatusOr<Count> count) mutable {
    if (count.ok()) {
      census->SawConnections(channel, count->connections);
      announcer->Notice(channel, *count);
    }
    std::move(done)(count.status());
  });
}

void Sweeper::FinishChannel(const std::string& channel, const absl::Status& status) {
  if (!status.ok()) {
    spdlog::debug("presence: can't sweep channel {}: {}", channel, status.ToString());
    Postpone();
  }
  std::lock_guard lock(mutex_);
  --channels_under_way_;
}

bool Sweeper::MayEvict() {
  std::lock_guard lock(mutex_);
  return rounds_to_wait_ == 0;
}

}  // namespace gischat::presence
