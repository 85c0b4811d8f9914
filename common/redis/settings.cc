#include "common/redis/settings.h"

namespace gischat::redis {

void Settings::Declare(config::Table& table) {
  table.Text("REDIS_URL", &url, "Where Redis is: redis://[user:password@]host[:port][/database].",
             [](const std::string& value) { return ParseUrl(value).status(); });
  table.Text("REDIS_HOST", &host, "Host of Redis, when REDIS_URL is not set.");
  table.Number("REDIS_PORT", &port, {.min = 1, .unit = "port"},
               "Port of Redis, when REDIS_URL is not set.");
}

Options Settings::options() const {
  if (!url.empty()) {
    // Read before, by Declare's check.
    if (absl::StatusOr<Options> options = ParseUrl(url); options.ok()) return *options;
  }
  Options options;
  if (!host.empty()) options.host = host;
  options.port = port;
  return options;
}

}  // namespace gischat::redis
