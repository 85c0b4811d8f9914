#include "services/presence/count_announcer.h"

#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace gischat::presence {

CountAnnouncer::CountAnnouncer(PresenceStore& store, EventWriter events,
                               std::shared_ptr<Timers> timers, absl::Duration interval,
                               prometheus::Registry& registry)
    : store_(store),
      events_(events),
      timers_(std::move(timers)),
      interval_(interval),
      announcements_(prometheus::BuildCounter()
                         .Name("gischat_presence_announcements_total")
                         .Help("Counts of connections told to channels by this replica.")
                         .Register(registry)
                         .Add({})) {}

void CountAnnouncer::Notice(const std::string& channel, Count count) {
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
    Channel& state = channels_[channel];
    if (count.revision <= state.settled) return;
    if (count.revision > state.latest.revision) state.latest = count;
    if (state.busy) return;
    state.busy = true;
    count = state.latest;
  }
  Announce(channel, count);
}

void CountAnnouncer::Stop() {
  std::lock_guard lock(mutex_);
  stopped_ = true;
}

void CountAnnouncer::Announce(const std::string& channel, Count count) {
  store_.AnnounceCount(
      {.channel = channel,
       .count = count,
       .event = events_.NbUsers(count),
       .interval = IntervalFor(count)},
      [weak = weak_from_this(), channel, count](absl::StatusOr<Announcement> announcement) {
        if (auto self = weak.lock()) self->OnAnnounced(channel, count, announcement);
      });
}

absl::Duration CountAnnouncer::IntervalFor(Count count) const {
  const absl::Duration for_crowd =
      std::min(kLongestForCrowd, kPerConnection * static_cast<int64_t>(count.connections));
  return std::max(interval_, for_crowd);
}

void CountAnnouncer::OnAnnounced(const std::string& channel, Count count,
                                 const absl::StatusOr<Announcement>& announcement) {
  if (!announcement.ok()) return GiveUp(channel);
  if (announcement->published) announcements_.Increment();
  if (announcement->retry_in > absl::ZeroDuration()) {
    timers_->After(announcement->retry_in, [weak = weak_from_this(), channel] {
      if (auto self = weak.lock()) self->Reread(channel);
    });
    return;
  }
  std::optional<Count> next;
  {
    std::lock_guard lock(mutex_);
    Channel& state = channels_[channel];
    state.settled = std::max(state.settled, count.revision);
    if (!stopped_ && state.latest.revision > state.settled) next = state.latest;
    state.busy = next.has_value();
  }
  if (next) Announce(channel, *next);
}

// After a wait our count may be old, and announcing an old one would hold up the new one for an
// interval more.
void CountAnnouncer::Reread(const std::string& channel) {
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
  }
  store_.CountConnections(channel, [weak = weak_from_this(), channel](absl::StatusOr<Count> count) {
    if (auto self = weak.lock()) self->OnReread(channel, count);
  });
}

void CountAnnouncer::OnReread(const std::string& channel, const absl::StatusOr<Count>& count) {
  if (!count.ok()) return GiveUp(channel);
  Count latest;
  {
    std::lock_guard lock(mutex_);
    Channel& state = channels_[channel];
    if (count->revision > state.latest.revision) state.latest = *count;
    latest = state.latest;
  }
  Announce(channel, latest);
}

void CountAnnouncer::GiveUp(const std::string& channel) {
  std::lock_guard lock(mutex_);
  channels_[channel].busy = false;
}

}  // namespace gischat::presence
