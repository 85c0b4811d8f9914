#include "common/rpc/channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <array>
#include <string_view>

#include "common/rpc/server.h"

namespace gischat::rpc {
namespace {

struct RetriedCalls {
  std::string_view service;
  std::string_view names;  // of a method config: JSON objects
};

// Calls that may run twice without harm, so that it does not matter when a server is away, or ends
// while it has the call (which it then cancels). Publish and Subscribe are missing: the edge
// repeats these itself, in order and from where it stands.
constexpr std::array kRetriedCalls = {
    RetriedCalls{"gischat.presence.v1.Presence", R"({"service": "gischat.presence.v1.Presence"})"},
    RetriedCalls{"gischat.moderation.v1.Moderation",
                 R"({"service": "gischat.moderation.v1.Moderation", "method": "Review"})"},
    RetriedCalls{"gischat.fanout.v1.Fanout",
                 R"({"service": "gischat.fanout.v1.Fanout", "method": "History"})"},
};

std::string ServiceConfig(std::string_view service) {
  std::string config = R"({"loadBalancingConfig": [{"round_robin": {}}],)"
                       R"( "healthCheckConfig": {"serviceName": ""})";
  for (const RetriedCalls& retried : kRetriedCalls) {
    if (retried.service != service) continue;
    config.append(R"(, "methodConfig": [{"name": [)")
        .append(retried.names)
        .append(R"(], "retryPolicy": {"maxAttempts": 3, "initialBackoff": "0.05s",)"
                R"( "maxBackoff": "0.5s", "backoffMultiplier": 2,)"
                R"( "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"]}}])");
  }
  return config + "}";
}

grpc::ChannelArguments Arguments(std::string_view service) {
  // What has been sent is kept until the answer begins, or else it can't be sent again: enough for
  // the largest image.
  constexpr int kRetryBufferBytes = 16 << 20;
  grpc::ChannelArguments arguments;
  arguments.SetServiceConfigJSON(ServiceConfig(service));
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  arguments.SetInt(GRPC_ARG_PER_RPC_RETRY_BUFFER_SIZE, kRetryBufferBytes);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // 0: as many as keepalive needs
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1'000);
  // Despite its name this is how long a connect may take.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1'000);
  // The default of 30 s would hide replicas that have just started.
  arguments.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, 1'000);
  return arguments;
}

}  // namespace

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& target, const std::string& service) {
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), Arguments(service));
}

bool IsReachable(grpc::Channel& channel) {
  const grpc_connectivity_state state = channel.GetState(/*try_to_connect=*/true);
  return state == GRPC_CHANNEL_READY || state == GRPC_CHANNEL_IDLE;
}

}  // namespace gischat::rpc
