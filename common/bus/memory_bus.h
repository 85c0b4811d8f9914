#pragma once

#include <boost/asio/io_context.hpp>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/bus/message_bus.h"

namespace gischat::bus {

// The order of every channel, kept in this process. Listeners are called on the loop, one at a
// time; the callbacks of calls run before the call returns, with no lock held.
class MemoryBus : public MessageBus {
 public:
  // Loop and clock outlive the bus and its subscriptions. The loop has work while there is one.
  MemoryBus(boost::asio::io_context& loop, Limits limits,
            const base::Clock& clock = base::SystemClock());
  ~MemoryBus() override;

  void Publish(std::string channel, Batch batch, base::Callback<Receipt> done) override;
  void ReadHistory(std::string channel, base::Callback<Snapshot> done) override;
  void ReadLog(std::string channel, Position after, base::Callback<LogSlice> done) override;
  std::unique_ptr<Subscription> Subscribe(std::string channel,
                                          std::shared_ptr<Listener> listener) override;
  const Limits& limits() const override { return limits_; }

  // Appends one event outside of all series (see Event::publisher). Calls nobody, so that the
  // caller may hold a lock of its own: what it changes under that lock and the event are then one
  // atomic step.
  Position Append(std::string_view channel, std::string payload, bool stored,
                  std::string publisher = {});

 private:
  class Deliveries;
  class Ticket;

  // Where a publisher's series stands.
  struct Series {
    uint64_t last = 0;
    absl::Time used;
  };
  struct Channel {
    Position position;
    std::deque<std::pair<absl::Time, EventPtr>> log;
    uint64_t log_bytes = 0;
    std::deque<EventPtr> history;
    std::map<std::string, Series, std::less<>> series;
    absl::Time series_swept;
  };

  Channel& Open(std::string_view name);
  EventPtr AppendTo(Channel& channel, Event event);
  void TrimLog(Channel& channel, absl::Time now) const;
  static void SweepSeries(Channel& channel, absl::Time now);
  Receipt PublishTo(Channel& channel, std::string_view name, Batch batch);

  const Limits limits_;
  const base::Clock& clock_;
  const std::shared_ptr<Deliveries> deliveries_;
  std::mutex mutex_;                                      // taken before that of deliveries_
  std::map<std::string, Channel, std::less<>> channels_;  // guarded by mutex_
};

}  // namespace gischat::bus
