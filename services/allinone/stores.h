#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

#include "common/bus/message_bus.h"
#include "common/bus/settings.h"
#include "common/redis/settings.h"
#include "services/presence/presence_store.h"
#include "services/presence/settings.h"

namespace prometheus {
class Registry;
}

namespace gischat::allinone {

// What the services of one process keep their state in: memory, which goes with the process, or a
// Redis, which other processes may share.
class Stores {
 public:
  virtual ~Stores() = default;

  virtual bus::MessageBus& bus() = 0;
  virtual presence::PresenceStore& presence() = 0;

  // `on_ready` is called, on the loop's thread, whenever the stores become reachable or stop being.
  virtual void Start(std::function<void(bool)> on_ready) = 0;
  virtual void Stop() = 0;
};

// In Redis when one is configured, else in memory. The loop, which must run from Start() until
// after Stop(), and the registry outlive the stores.
std::unique_ptr<Stores> MakeStores(const redis::Settings& redis, const bus::Settings& bus,
                                   const presence::Settings& presence,
                                   boost::asio::io_context& loop, prometheus::Registry& registry);

}  // namespace gischat::allinone
