#pragma once

#include <functional>
#include <memory>

#include "edge/clients/backends.h"

namespace grpc {
class Channel;
}
namespace gischat::rpc {
class CallMetrics;
}

// The clients over gRPC. The metrics outlive them; the end of a client cancels its
// calls, and waits until their callbacks have returned.
namespace gischat::edge::clients {

// `is_reachable` answers ModerationClient::IsReachable.
std::unique_ptr<ModerationClient> MakeModerationClient(std::shared_ptr<grpc::Channel> channel,
                                                       std::function<bool()> is_reachable,
                                                       rpc::CallMetrics& metrics);
std::unique_ptr<PresenceClient> MakePresenceClient(std::shared_ptr<grpc::Channel> channel,
                                                   rpc::CallMetrics& metrics);
std::unique_ptr<FanoutClient> MakeFanoutClient(std::shared_ptr<grpc::Channel> channel,
                                               rpc::CallMetrics& metrics);

}  // namespace gischat::edge::clients
