#pragma once

#include <string>

#include "common/bus/message_bus.h"
#include "common/config/table.h"

namespace gischat::bus {

// What every process that touches the store must agree on, from the environment.
struct Settings {
  std::string instance = "gischat";  // keeps instances apart that share one Redis
  Limits limits;

  // INSTANCE_ID, MAX_STORED_MESSAGES, GISCHAT_LOG_SECONDS, GISCHAT_LOG_EVENTS, GISCHAT_LOG_BYTES
  void Declare(config::Table& table);
};

}  // namespace gischat::bus
