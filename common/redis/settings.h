#pragma once

#include <cstdint>
#include <string>

#include "common/config/table.h"
#include "common/redis/options.h"

namespace gischat::redis {

// Where Redis is, from the environment: REDIS_URL, or REDIS_HOST and REDIS_PORT. The URL counts
// when both are set.
struct Settings {
  std::string url;
  std::string host;
  uint16_t port = 6379;

  void Declare(config::Table& table);
  bool configured() const { return !url.empty() || !host.empty(); }
  Options options() const;
};

}  // namespace gischat::redis
