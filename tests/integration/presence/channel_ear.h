#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/bus/message_bus.h"

namespace gischat::presence {

// Listens to a channel, and writes down what presence says there: "newcomer ada", "exiter ada",
// "nb_users 3".
class ChannelEar {
 public:
  // Returns when it listens.
  ChannelEar(bus::MessageBus& bus, std::string channel);

  // Everything up to now. Events must be complete: an id, a timestamp, not stored.
  std::vector<std::string> Heard();

  // Under which name each of these was published.
  std::vector<std::string> Publishers();

 private:
  class Notes;

  bus::MessageBus& bus_;
  const std::string channel_;
  std::shared_ptr<Notes> notes_;
  std::unique_ptr<bus::MessageBus::Subscription> subscription_;
};

}  // namespace gischat::presence
