#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/config/table.h"
#include "common/redis/options.h"

namespace gischat::redis {

// Where Redis is, from the environment: REDIS_SENTINELS, or REDIS_URL, or REDIS_HOST and
// REDIS_PORT. The first that is set counts; with sentinels the URL still tells user, password and
// database.
struct Settings {
  std::string url;
  std::string host;
  uint16_t port = 6379;
  std::vector<std::string> sentinels;  // host[:port]
  std::string master_name = "mymaster";
  std::string sentinel_password;

  void Declare(config::Table& table);
  // The same for a process that can't do without: none of them is a mistake.
  void DeclareRequired(config::Table& table);
  bool configured() const { return !url.empty() || !host.empty() || !sentinels.empty(); }
  Options options() const;
};

}  // namespace gischat::redis
