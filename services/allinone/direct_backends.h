#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "edge/clients/backends.h"

namespace gischat::fanout {
class Service;
}
namespace gischat::moderation {
class Service;
}
namespace gischat::presence {
class Service;
}
namespace gischat::rpc {
class CallMetrics;
}

// The way of a message without gRPC, for an edge in the process of the services: no thread is
// changed and nothing is serialised that need not be. What is asked rarely goes over gRPC, also in
// process. The metrics know both as calls. Services, metrics and loop outlive the clients.
namespace gischat::allinone {

// `other`: for images.
std::unique_ptr<edge::clients::ModerationClient> MakeDirectModeration(
    moderation::Service& service, std::unique_ptr<edge::clients::ModerationClient> other,
    rpc::CallMetrics& metrics);

// `other`: for the beginning and the end of a lease, and for lists.
std::unique_ptr<edge::clients::PresenceClient> MakeDirectPresence(
    presence::Service& service, std::unique_ptr<edge::clients::PresenceClient> other,
    rpc::CallMetrics& metrics);

// `other`: for the history.
std::unique_ptr<edge::clients::FanoutClient> MakeDirectFanout(
    fanout::Service& service, std::unique_ptr<edge::clients::FanoutClient> other,
    boost::asio::io_context& loop, rpc::CallMetrics& metrics);

}  // namespace gischat::allinone
