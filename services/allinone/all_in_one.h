#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "absl/status/status.h"
#include "common/bus/settings.h"
#include "common/config/table.h"
#include "common/redis/settings.h"
#include "edge/settings/settings.h"
#include "services/moderation/settings.h"
#include "services/presence/settings.h"

namespace prometheus {
class Registry;
}

namespace gischat::allinone {

// The settings of all parts.
struct Settings {
  edge::Settings edge;
  moderation::Settings moderation;
  presence::Settings presence;
  redis::Settings redis;
  bus::Settings bus;

  void Declare(config::Table& table);
};

// The whole chat in one process: the same parts as in separate processes, joined by gRPC channels
// that stay in the process. Has no logic of its own.
class AllInOne {
 public:
  // The loop runs from before Start() until after Stop(); it and the registry outlive the object.
  AllInOne(Settings settings, boost::asio::io_context& loop, prometheus::Registry& registry);
  ~AllInOne();

  absl::Status Start();  // fails when the port is taken
  void Stop();           // first the clients, then what is behind them

  // Takes over what can be changed while it runs. On the loop's thread, between Start() and Stop().
  void Apply(Settings settings);

  // Why it can't serve now. Thread-safe once started.
  absl::Status Health() const;

 private:
  class Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace gischat::allinone
