#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/callback.h"
#include "edge/clients/backends.h"
#include "edge/clients/read_times.h"
#include "edge/hub/update.h"

namespace prometheus {
class Registry;
}

namespace gischat::edge::clients {

// How much a channel may wait for fanout.
struct BacklogLimits {
  absl::Duration patience = absl::Seconds(10);  // from Publish() on
  size_t messages = 10'000;
  size_t bytes = 32 << 20;  // a single message larger than this is taken when nothing else waits
};

// Puts messages into the channels of this edge, each channel's in the order of the calls and each
// message exactly once.
//
// Messages are gathered until Flush(). Per channel one batch is under way at a time; what is said
// meanwhile forms the next one. A batch
// whose outcome is unknown is sent again under the same numbers, which makes that harmless, until
// its messages have waited for too long. So is one that a full store refused. The outcome that
// `done` gets, on any thread:
//   OK                 it stands in the channel
//   kDeadlineExceeded  it was never sent: too long without fanout
//   kUnknown           it was sent, without an answer: it may stand in the channel or not
//   kResourceExhausted the backlog is full, or the store was for too long: it was not published
class Publisher {
 public:
  using Clock = ReadTimes::Clock;

  Publisher(boost::asio::io_context& loop, FanoutClient& fanout,
            const std::vector<std::string>& channels, BacklogLimits limits,
            prometheus::Registry& registry);
  ~Publisher();  // as Stop()

  // Messages that wait get kDeadlineExceeded or kUnknown, those that come later kResourceExhausted.
  // When what the loop had to do by then is done, fanout is not called any more.
  void Stop();

  // A channel that comes later. Thread-safe, as Remove().
  void Add(const std::string& channel);
  // A channel to which nobody publishes any more; what waits for it gets its outcome as at the end.
  void Remove(std::string_view channel);

  // Takes a message, to be sent at the next Flush() or with the next batch. Thread-safe. The
  // outcome is kNotFound when there is no such channel. `read`: when the edge got it from its
  // sender. `trace`: of the message; request 0: it is not traced.
  void Publish(std::string_view channel, std::string message, bool stored,
               base::StatusCallback done, Clock::time_point read = Clock::now(),
               const trace::v1::Trace& trace = {});
  // Sends what was taken, where no batch is under way. Thread-safe.
  void Flush();

  // Where the last event of a channel stood after the last publish that succeeded; epoch 0: none
  // did. A hub that is there has heard everything that was published before. Thread-safe.
  hub::Place place(std::string_view channel) const;

  // Of an event of the channel, by its PublishToken: when its message was read, if that was
  // published here and this is the first time that it is asked. Thread-safe.
  std::optional<Clock::time_point> TakeReadTime(std::string_view channel, uint64_t token);

  // Messages that wait or are under way in all channels. Thread-safe.
  size_t pending() const;

 private:
  class Series;
  struct Metrics;
  using SeriesPtr = std::shared_ptr<Series>;
  using AllSeries = std::vector<std::pair<std::string, SeriesPtr>>;

  std::shared_ptr<const AllSeries> All() const;
  SeriesPtr Find(std::string_view channel) const;

  boost::asio::io_context& loop_;
  FanoutClient& fanout_;
  const BacklogLimits limits_;
  std::shared_ptr<Metrics> metrics_;
  mutable std::mutex mutex_;
  std::shared_ptr<const AllSeries> series_;  // guarded by mutex_; replaced as a whole
};

}  // namespace gischat::edge::clients
