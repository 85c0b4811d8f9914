#include "edge/worker.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "absl/time/time.h"
#include "edge/http/http_connection.h"
#include "edge/session/websocket_connection.h"

namespace gischat::edge {
namespace {

namespace asio = boost::asio;

// Connection ids of a worker begin with its number.
constexpr int kNumberShift = 48;

}  // namespace

Worker::Worker(uint64_t number, Shared shared, std::shared_ptr<void> alive)
    : number_(number),
      shared_(shared),
      alive_(std::move(alive)),
      work_(context_.get_executor()),
      hub_(shared.settings.channels, shared.metrics),
      keepalive_(context_,
                 std::chrono::seconds(absl::ToInt64Seconds(shared.settings.ping_interval))) {}

Worker::~Worker() { Stop(); }

void Worker::Start() {
  keepalive_.Start();
  thread_ = std::thread([this] { context_.run(); });
}

void Worker::Serve(net::Socket socket) {
  http::ServeConnection(std::move(socket), shared_.handlers, [this](http::Upgrade upgrade) {
    session::SessionIdentity identity;
    identity.api = upgrade.route.api;
    identity.channel = upgrade.route.channel;
    identity.connection = (number_ << kNumberShift) + ++connections_;
    identity.understands_replies = upgrade.understands_replies;
    Upgrade(std::move(upgrade.socket), std::move(upgrade.unread), std::move(upgrade.request),
            std::move(identity));
  });
}

void Worker::Upgrade(net::Socket socket, std::string unread, std::shared_ptr<void> request,
                     session::SessionIdentity identity) {
  if (away_) return;
  session::ConnectionLimits limits;
  limits.queue_bytes = shared_.settings.queue_bytes;
  limits.pong_timeout = std::chrono::seconds(absl::ToInt64Seconds(shared_.settings.ping_timeout));
  const session::SessionParts parts{hub_,          shared_.moderation, shared_.publisher,
                                    shared_.lease, shared_.metrics,    alive_};
  using Connection = session::WebSocketConnection;
  std::make_shared<Connection>(std::move(socket), std::move(unread), limits, parts,
                               std::move(identity), keepalive_)
      ->Start(std::move(*std::static_pointer_cast<Connection::Request>(request)));
}

void Worker::Apply(hub::Updates updates) {
  asio::post(context_, [this, updates = std::move(updates)] { hub_.Apply(updates); });
}

void Worker::SendAway() {
  asio::post(context_, [this] {
    away_ = true;
    alive_.reset();
    keepalive_.ForEach(
        [](session::Kept& kept) { static_cast<session::WebSocketConnection&>(kept).GoAway(); });
  });
}

void Worker::Stop() {
  if (!thread_.joinable()) return;
  asio::post(context_, [this] { keepalive_.Stop(); });
  context_.stop();
  thread_.join();
}

}  // namespace gischat::edge
