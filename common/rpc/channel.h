#pragma once

#include <memory>
#include <string>

namespace grpc {
class Channel;
}

namespace gischat::rpc {

// A channel to a service of the suite: round robin over all addresses of the target that report
// SERVING, keepalive pings (every 20 s, 10 s patience), connect timeout 1 s, backoff from 100 ms to
// 1 s, message sizes up to kMaxMessageBytes. `service` is the full name, e.g.
// "gischat.fanout.v1.Fanout"; its calls are retried by the channel only where the service config
// says so: on UNAVAILABLE and CANCELLED (by a server that ends), for idempotent calls. `target` is
// any gRPC target, e.g. "dns:///fanout:50051" or "ipv4:127.0.0.1:5001,127.0.0.1:5002".
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& target, const std::string& service);

// Whether a channel made by MakeChannel has a connection, or has not tried yet; it begins to try.
bool IsReachable(grpc::Channel& channel);

}  // namespace gischat::rpc
