#include "common/redis/settings.h"

namespace gischat::redis {
namespace {

constexpr uint16_t kSentinelPort = 26379;

}  // namespace

void Settings::Declare(config::Table& table) {
  table.Text("REDIS_URL", &url, "Where Redis is: redis://[user:password@]host[:port][/database].",
             [](const std::string& value) { return ParseUrl(value).status(); });
  table.Text("REDIS_HOST", &host, "Host of Redis, when REDIS_URL is not set.");
  table.Number("REDIS_PORT", &port, {.min = 1, .unit = "port"},
               "Port of Redis, when REDIS_URL is not set.");
  table.List("REDIS_SENTINELS", &sentinels,
             "Sentinels that say where the master is, each host[:port] (26379). User, password and "
             "database of the master are those of REDIS_URL; its host and port are not used then, "
             "nor are REDIS_HOST and REDIS_PORT.",
             [](const std::string& value) { return ParseEndpoint(value, kSentinelPort).status(); });
  table.Text("REDIS_MASTER_NAME", &master_name, "By what name the sentinels know the master.");
  table.Text("REDIS_SENTINEL_PASSWORD", &sentinel_password, "Password of the sentinels.");
}

void Settings::DeclareRequired(config::Table& table) {
  Declare(table);
  table.RequireOne({"REDIS_URL", "REDIS_HOST", "REDIS_SENTINELS"}, "the store that replicas share");
}

Options Settings::options() const {
  Options options;
  if (!url.empty()) {
    // Read before, by Declare's check.
    if (absl::StatusOr<Options> parsed = ParseUrl(url); parsed.ok()) options = *std::move(parsed);
  } else if (!host.empty()) {
    options.host = host;
    options.port = port;
  }
  for (const std::string& sentinel : sentinels) {
    const absl::StatusOr<Endpoint> endpoint = ParseEndpoint(sentinel, kSentinelPort);
    if (endpoint.ok()) options.sentinels.push_back(*endpoint);
  }
  options.master_name = master_name;
  options.sentinel_password = sentinel_password;
  return options;
}

}  // namespace gischat::redis
