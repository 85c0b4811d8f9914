#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "edge/clients/backends.h"
#include "edge/clients/nicknames.h"
#include "edge/hub/member.h"

namespace prometheus {
class Registry;
}

namespace gischat::edge::clients {

// What this edge holds in presence: connections per channel, and nicknames.
//
// Counts are reported as absolute numbers, at once when they change and otherwise every 2 s, which
// renews the lease; changes that come together share a report. While presence is away everything is
// kept here and tried again. When presence does not know the lease any more (the edge was cut off
// for too long, or the store came back empty), the edge attaches again and announces everything
// that it holds; a connection whose nickname was taken meanwhile is told by its `on_lost`.
//
// Thread-safe; callbacks run on the loop's thread and may be dropped when the lease stops.
class Lease {
 public:
  // `edge` is a name for logs. The loop and the client outlive the lease.
  Lease(boost::asio::io_context& loop, PresenceClient& presence, std::string edge,
        std::vector<std::string> channels, prometheus::Registry& registry);
  ~Lease();

  // Hears of counts that have not changed for as long as a renewal takes: who was told an older one
  // has missed the news. Set before Start().
  void OnSettledCount(std::function<void(const std::string& channel, hub::Count)> callback);

  void Start();

  // A channel that comes later: announced in presence as soon as it answers.
  void Add(std::string channel);
  // A channel that is not served any more, and in which nothing is held: ends the lease there.
  void Remove(std::string channel);

  // One connection more in the channel. `counted` gets a count that includes it, as soon as
  // presence has answered.
  void Connect(std::string channel, std::function<void(hub::Count)> counted);
  // One less.
  void Disconnect(std::string channel);

  // Claims a nickname; tried until presence answers.
  void Register(NicknameClaim claim);
  // Gives the connection's nickname back, if it holds one or claims one still. `done` is called
  // when presence knows.
  void Unregister(std::string channel, uint64_t connection, std::function<void()> done);

  // The store may have lost its last writes in a channel: claims what is held there once more,
  // under the same ids, and gives back again what was given back lately.
  void Verify(std::string channel);

  // OK when presence answered during the last 5 s. Thread-safe.
  absl::Status Health() const;

  // Gives everything back and calls `done`, at the latest after `patience`. Nothing is reported
  // afterwards.
  void Stop(absl::Duration patience, std::function<void()> done);

 private:
  class Core;
  std::shared_ptr<Core> core_;
};

}  // namespace gischat::edge::clients
