#include "edge/settings/settings.h"

#include <algorithm>

#include "common/base/cores.h"
#include "edge/settings/ip_network.h"

namespace gischat::edge {
namespace {

absl::Status CheckChannelName(const std::string& name) {
  if (name.find('/') == std::string::npos) return absl::OkStatus();
  return absl::InvalidArgumentError("must not contain '/': no URL can reach such a channel");
}

absl::Status CheckNetwork(const std::string& text) { return IpNetwork::Parse(text).status(); }

constexpr int64_t kMostPerSecond = 1'000'000'000;

}  // namespace

uint64_t LargestMessage(const config::ContentLimits& limits) {
  // A PNG that can't be compressed: four bytes per pixel, in base64.
  const uint64_t side = limits.max_image_size;
  const uint64_t image = side * (4 * side + 1) / 3 * 4;
  return std::max<uint64_t>({kMaxMessageBytes, image, limits.max_image_raw_length});
}

// One core stays free for images, other parts and the kernel. Threads cost: each gathers what comes
// together for its own clients only.
Settings::Settings() : threads(std::max(1U, base::UsableCores() - 1)) {}

void Settings::Declare(config::Table& table) {
  table.Number("GISCHAT_PORT", &port, {.min = 0, .unit = "port"},
               "Where clients connect (HTTP and WebSocket); 0 picks a free port.");
  table.Text("GISCHAT_ADDRESS", &address, "IP address that clients connect to.");
  table.Number("GISCHAT_THREADS", &threads, {.min = 1, .max = 256, .unit = "threads"},
               "Threads that serve clients; by default one for each core that it may use but one.");
  table.List({"CHANNELS", "ROOMS"}, &channels, "Names of the channels.", CheckChannelName);
  table.Text("RULES", &rules, "The rules of the place, as GET /rules shows them.");
  table.Text({"MAIN_LANG", "MAIN_LANGUAGE"}, &main_language, "Main language of the place.");
  table.Text("ENVIRONMENT", &environment, "Name of the deployment, for the log.");
  table.Text("QFIELD_PLUGIN_URL", &qfield_plugin_url, "Where GET /qfield leads to.");
  table.Duration("WS_PING_INTERVAL", &ping_interval, absl::Seconds(1),
                 {.min = 1, .max = 3600, .unit = "s"}, "Every client is pinged so often.");
  table.Duration("WS_PING_TIMEOUT", &ping_timeout, absl::Seconds(1),
                 {.min = 1, .max = 86400, .unit = "s"},
                 "A client without a sign of life for so long is taken for gone.");
  table.Number("GISCHAT_QUEUE_BYTES", &queue_bytes,
               {.min = 16 << 20, .max = 1 << 30, .unit = "bytes"},
               "What may wait for a client that reads slowly; with more it is cut off.");
  table.Number(
      "GISCHAT_COMPRESS_BYTES", &compress_bytes,
      {.min = 0, .max = kMaxMessageBytes, .unit = "bytes"},
      "Messages of so many bytes are compressed for clients that can (permessage-deflate); "
      "0: no client is offered that.");
  table.Duration("GISCHAT_WRITE_TIMEOUT", &write_timeout, absl::Seconds(1),
                 {.min = 1, .max = 3600, .unit = "s"},
                 "A client for whom something waits and who takes nothing for so long is cut off.");
  table.Duration("GISCHAT_REQUEST_TIMEOUT", &request_timeout, absl::Seconds(1),
                 {.min = 1, .max = 3600, .unit = "s"},
                 "The head of a request or handshake, and then its body, take so long at most.");
  table.Duration("GISCHAT_IDLE_TIMEOUT", &idle_timeout, absl::Seconds(1),
                 {.min = 1, .max = 3600, .unit = "s"},
                 "A connection without a next request is closed after so long.");
  table.Number("GISCHAT_MAX_HEADER_BYTES", &max_header_bytes,
               {.min = 1 << 10, .max = 1 << 20, .unit = "bytes"},
               "Size of the head of a request or handshake at most.");
  table.Duration("GISCHAT_DRAIN_SECONDS", &drain, absl::Seconds(1),
                 {.min = 0, .max = 3600, .unit = "s"},
                 "When the server ends, its clients are closed over so long a time at most.");
  table.Number("GISCHAT_MAX_CONNECTIONS", &max_connections, {.min = 0, .unit = "connections"},
               "WebSockets that this process serves; 0: as many as there are open files for.");
  table.Number("GISCHAT_MAX_CONNECTIONS_PER_IP", &max_connections_per_ip,
               {.min = 0, .unit = "connections"}, "WebSockets from one address; 0: any number.");
  table.Number("GISCHAT_CONNECTION_RATE", &connection_rate, {.min = 0, .unit = "per second"},
               "New WebSockets from one address; 0: any number.");
  table.Number("GISCHAT_MESSAGE_RATE", &message_rate,
               {.min = 0, .max = kMostPerSecond, .unit = "per second"},
               "Messages of one connection; as many may come at once; 0: any number.");
  table.Number("GISCHAT_MESSAGE_RATE_PER_IP", &message_rate_per_ip,
               {.min = 0, .max = kMostPerSecond, .unit = "per second"},
               "Messages from one address, those by PUT too; 0: any number.");
  table.List("GISCHAT_ALLOWED_ORIGINS", &allowed_origins,
             "Origins of pages that may connect, e.g. https://chat.example.org; empty: any.");
  table.List("GISCHAT_TRUSTED_PROXIES", &trusted_proxies,
             "Addresses and networks (10.0.0.0/8, ::1) of proxies whose X-Forwarded-For says where "
             "a client comes from.",
             CheckNetwork);
  table.Changeable({"CHANNELS", "RULES", "MAIN_LANG", "QFIELD_PLUGIN_URL", "GISCHAT_QUEUE_BYTES",
                    "GISCHAT_MAX_CONNECTIONS", "GISCHAT_MAX_CONNECTIONS_PER_IP",
                    "GISCHAT_CONNECTION_RATE", "GISCHAT_MESSAGE_RATE",
                    "GISCHAT_MESSAGE_RATE_PER_IP", "GISCHAT_ALLOWED_ORIGINS"});
}

void BackendAddresses::Declare(config::Table& table) {
  table.Text("GISCHAT_PRESENCE_ADDRESS", &presence, "Any gRPC target of the presence service.");
  table.Text("GISCHAT_MODERATION_ADDRESS", &moderation,
             "Any gRPC target of the moderation service.");
  table.Text("GISCHAT_FANOUT_ADDRESS", &fanout,
             "Any gRPC target of the fanout service; several as ipv4:address:port,address:port.");
}

}  // namespace gischat::edge
