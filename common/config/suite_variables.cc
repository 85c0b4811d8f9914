#include "common/config/table.h"

namespace gischat::config {

// One deployment hands the same environment to all its processes: what one of them knows is no
// mistake for the others.
const std::vector<std::string_view>& SuiteVariables() {
  static const auto& variables = *new std::vector<std::string_view>{
      "GISCHAT_ADDRESS",
      "GISCHAT_ADMIN_ADDRESS",
      "GISCHAT_ADMIN_PORT",
      "GISCHAT_ALLOWED_ORIGINS",
      "GISCHAT_COMPRESS_BYTES",
      "GISCHAT_CONFIG",
      "GISCHAT_CONNECTION_RATE",
      "GISCHAT_COUNT_INTERVAL_MS",
      "GISCHAT_DRAIN_SECONDS",
      "GISCHAT_FANOUT_ADDRESS",
      "GISCHAT_GRPC_ADDRESS",
      "GISCHAT_GRPC_PORT",
      "GISCHAT_IDLE_TIMEOUT",
      "GISCHAT_IMAGE_CACHE_BYTES",
      "GISCHAT_IMAGE_QUEUE",
      "GISCHAT_IMAGE_WORKERS",
      "GISCHAT_LOG_BYTES",
      "GISCHAT_LOG_EVENTS",
      "GISCHAT_LOG_FORMAT",
      "GISCHAT_LOG_LEVEL",
      "GISCHAT_LOG_SECONDS",
      "GISCHAT_MAX_CONNECTIONS",
      "GISCHAT_MAX_CONNECTIONS_PER_IP",
      "GISCHAT_MAX_HEADER_BYTES",
      "GISCHAT_MESSAGE_RATE",
      "GISCHAT_MESSAGE_RATE_PER_IP",
      "GISCHAT_MODERATION_ADDRESS",
      "GISCHAT_PORT",
      "GISCHAT_PRESENCE_ADDRESS",
      "GISCHAT_QUEUE_BYTES",
      "GISCHAT_REQUEST_TIMEOUT",
      "GISCHAT_THREADS",
      "GISCHAT_TRUSTED_PROXIES",
      "GISCHAT_WRITE_TIMEOUT",
  };
  return variables;
}

}  // namespace gischat::config
