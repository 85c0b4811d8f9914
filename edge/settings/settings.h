#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/config/content_limits.h"
#include "common/config/table.h"

namespace gischat::edge {

// Largest message of a client; a larger one closes its connection with 1009.
inline constexpr size_t kMaxMessageBytes = 16 << 20;

// What the edge reads from the environment.
struct Settings {
  Settings();

  uint16_t port = 8000;
  std::string address = "0.0.0.0";
  uint32_t threads;
  std::vector<std::string> channels = {"QGIS", "Geotribu"};
  std::string rules =
      "Be kind and respectful: behind every nickname there is a person. No advertising, no "
      "harassment, nothing illegal.";
  std::string main_language = "en";
  std::string qfield_plugin_url =
      "https://github.com/geotribu/qchat-qfield-plugin/releases/latest/download/"
      "qchat-qfield-plugin.zip";
  std::string environment = "production";  // shown in the log
  absl::Duration ping_interval = absl::Seconds(20);
  absl::Duration ping_timeout = absl::Seconds(60);
  uint64_t queue_bytes = 16 << 20;
  uint32_t compress_bytes = 1024;  // 0: nothing is compressed
  absl::Duration write_timeout = absl::Seconds(30);
  absl::Duration request_timeout = absl::Seconds(20);
  absl::Duration idle_timeout = absl::Seconds(75);
  uint32_t max_header_bytes = 16 << 10;
  absl::Duration drain = absl::Seconds(30);
  uint32_t max_connections = 0;  // 0: as many as there are files for
  uint32_t max_connections_per_ip = 15'000;
  uint32_t connection_rate = 2'000;          // per second and address
  uint32_t message_rate = 20'000;            // per second and connection
  uint32_t message_rate_per_ip = 100'000;    // per second and address
  std::vector<std::string> allowed_origins;  // empty: any
  std::vector<std::string> trusted_proxies;  // addresses and networks
  config::ContentLimits limits;              // shown by /rules; moderation enforces them

  void Declare(config::Table& table);  // all but the limits, which other parts declare too
};

// Bytes of the largest message that these limits let through to a client, but for a few small keys.
uint64_t LargestMessage(const config::ContentLimits& limits);

// Where an edge process finds the services.
struct BackendAddresses {
  std::string presence = "dns:///presence:50051";
  std::string moderation = "dns:///moderation:50051";
  std::string fanout = "dns:///fanout:50051";

  void Declare(config::Table& table);
};

}  // namespace gischat::edge
