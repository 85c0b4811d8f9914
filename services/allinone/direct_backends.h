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

// The way of a message without gRPC, for an edge in the process of the services: no thread is
// changed and nothing is serialised that need not be. What is asked rarely goes over gRPC, also in
// process. The services outlive the clients.
namespace gischat::allinone {

// `other`: for images.
std::unique_ptr<edge::clients::ModerationClient> MakeDirectModeration(
    moderation::Service& service, std::unique_ptr<edge::clients::ModerationClient> other);

// `other`: for the history.
std::unique_ptr<edge::clients::FanoutClient> MakeDirectFanout(
    fanout::Service& service, std::unique_ptr<edge::clients::FanoutClient> other,
    boost::asio::io_context& loop);

}  // namespace gischat::allinone
