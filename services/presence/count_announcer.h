#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/presence/events.h"
#include "services/presence/presence_store.h"
#include "services/presence/timers.h"

namespace prometheus {
class Counter;
class Registry;
}  // namespace prometheus

namespace gischat::presence {

// Tells the channels how many connections they have: the first change at once, then at most once
// per channel and interval, and the last number never later than that. In a crowd the interval
// grows with it (kPerConnection, up to kLongestForCrowd), since telling ten thousand of each
// other's coming ten times a second would take half a core and leave the coming ones waiting. The
// store arbitrates, so that several replicas together keep the interval too.
//
// An announcement that fails is forgotten; the next notice of its count tries again. Thread-safe.
// Made by std::make_shared; the store and the registry outlive it.
class CountAnnouncer : public std::enable_shared_from_this<CountAnnouncer> {
 public:
  static constexpr absl::Duration kPerConnection = absl::Microseconds(100);
  static constexpr absl::Duration kLongestForCrowd = absl::Seconds(2);

  CountAnnouncer(PresenceStore& store, EventWriter events, std::shared_ptr<Timers> timers,
                 absl::Duration interval, prometheus::Registry& registry);

  // A count that was seen in the store, new or not. Returns at once.
  void Notice(const std::string& channel, Count count);

  // Begins no further announcement.
  void Stop();

 private:
  struct Channel {
    Count latest;
    uint64_t settled = 0;  // revision up to which nothing is left to be said
    bool busy = false;     // a call or a timer of ours is under way
  };

  absl::Duration IntervalFor(Count count) const;
  void Announce(const std::string& channel, Count count);
  void OnAnnounced(const std::string& channel, Count count,
                   const absl::StatusOr<Announcement>& announcement);
  void Reread(const std::string& channel);
  void OnReread(const std::string& channel, const absl::StatusOr<Count>& count);
  void GiveUp(const std::string& channel);

  PresenceStore& store_;
  const EventWriter events_;
  const std::shared_ptr<Timers> timers_;
  const absl::Duration interval_;
  prometheus::Counter& announcements_;

  std::mutex mutex_;  // never held while the store or the timers are called
  bool stopped_ = false;
  std::map<std::string, Channel> channels_;
};

}  // namespace gischat::presence
