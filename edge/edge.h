#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "edge/clients/backends.h"
#include "edge/settings/settings.h"

namespace prometheus {
class Registry;
}

namespace gischat::edge {

// The services behind the edge, over the network or in process.
struct Backends {
  std::unique_ptr<clients::PresenceClient> presence;
  std::unique_ptr<clients::ModerationClient> moderation;
  std::unique_ptr<clients::FanoutClient> fanout;
};

// The whole edge: it listens for clients and connects them with the services.
//
// `loop` runs the background work (timers, the lease) and must run from Start() to the end of
// Stop(). Everything given outlives the edge.
class Edge {
 public:
  Edge(Settings settings, Backends backends, boost::asio::io_context& loop,
       prometheus::Registry& registry);
  ~Edge();

  // Takes the port and begins to serve. kUnavailable when the port is taken, kInvalidArgument when
  // the address is none.
  absl::Status Start();

  // Accepts nobody any more, tells every client that the server goes away (1001), passes on what it
  // has taken from them, gives back what it holds in presence. Takes a few seconds at most.
  void Stop();

  // Takes over what can be changed while it runs: rules, limits, rates, channels. A channel that is
  // new can be joined within moments; one that is gone closes its sockets (1001), each after it was
  // shown what was said. Thread-safe; without effect after Stop().
  void Apply(Settings settings);

  // One sentence per backend that is away; empty while everything is there. Thread-safe.
  std::vector<std::string> Faults() const;

  // The same as a status, for readiness.
  absl::Status Health() const;

 private:
  class Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace gischat::edge
