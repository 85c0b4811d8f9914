#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "edge/clients/backends.h"
#include "edge/hub/update.h"

namespace prometheus {
class Registry;
}

namespace gischat::edge::clients {

// The stream of everything that happens in the channels of this edge: one for the whole process.
// It repairs itself: when it ends, breaks or falls silent (nothing for 3 s, or for 1.5 s at its
// begin), it begins again from where it stood, with backoff from 100 ms to 1 s, on whatever replica
// the channel picks.
class EventStream {
 public:
  // Receives updates in order, from one thread at a time (not the loop's).
  using Sink = std::function<void(hub::Updates)>;

  // `edge` is a name for logs. The loop runs timers. Everything outlives the stream.
  EventStream(boost::asio::io_context& loop, FanoutClient& fanout, std::string edge,
              std::vector<std::string> channels, Sink sink, prometheus::Registry& registry);
  ~EventStream();  // as Stop()

  void Start();
  // Channels that come later, or are not listened to any more. The stream begins again with the
  // next list, the other channels where they stand; nobody waits meanwhile for what is there.
  void Add(std::vector<std::string> channels);
  void Remove(std::string channel);
  void Stop();  // for good; the sink is not called any more

  // OK while the stream is alive. Thread-safe.
  absl::Status Health() const;

 private:
  class Core;
  std::shared_ptr<Core> core_;
};

}  // namespace gischat::edge::clients
