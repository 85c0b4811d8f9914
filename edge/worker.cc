#include "edge/worker.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "edge/http/http_connection.h"
#include "edge/session/websocket_connection.h"

namespace gischat::edge {
namespace {

namespace asio = boost::asio;

// Connection ids of a worker begin with its number.
constexpr int kNumberShift = 48;

// While everybody is sent away, those who are due are at every step.
constexpr std::chrono::milliseconds kDrainStep(100);

}  // namespace

Worker::Worker(uint64_t number, Shared shared, std::shared_ptr<void> alive)
    : number_(number),
      shared_(shared),
      alive_(std::move(alive)),
      work_(context_.get_executor()),
      hub_({}, shared.metrics, shared.settings.Now()->compress_bytes),
      end_of_turn_(context_.get_executor(), [this] { EndTurn(); }),
      reviewer_(context_.get_executor(), shared.moderation, traffic_),
      linger_timer_(context_.get_executor()),
      keepalive_(context_,
                 std::chrono::seconds(absl::ToInt64Seconds(shared.settings.Now()->ping_interval))),
      drain_timer_(context_.get_executor()) {}

Worker::~Worker() { Stop(); }

void Worker::Start() {
  keepalive_.Start();
  thread_ = std::thread([this] { context_.run(); });
}

void Worker::Serve(net::Socket socket) {
  const auto now = shared_.settings.Now();
  const Settings& settings = *now;
  http::HttpLimits limits;
  limits.head_bytes = settings.max_header_bytes;
  limits.head = absl::ToChronoMilliseconds(settings.request_timeout);
  limits.body = absl::ToChronoMilliseconds(settings.request_timeout);
  limits.answer = absl::ToChronoMilliseconds(settings.write_timeout);
  limits.next = absl::ToChronoMilliseconds(settings.idle_timeout);
  http::ServeConnection(
      std::move(socket), shared_.handlers, shared_.admission, shared_.proxies,
      [this](http::Upgrade upgrade) { LetIn(std::move(upgrade)); }, limits);
}

void Worker::LetIn(http::Upgrade upgrade) {
  if (away_) return;  // was on its way while everybody was sent away
  const auto open = rooms_.find(upgrade.route.channel);
  // Removed at this very moment: it is told so once its upgrade is answered.
  const auto room =
      open == rooms_.end() ? std::make_shared<Room>(Room{alive_, nullptr}) : open->second;
  const auto settings = shared_.settings.Now();
  session::SessionIdentity identity;
  identity.api = upgrade.route.api;
  identity.channel = std::move(upgrade.route.channel);
  identity.connection = (number_ << kNumberShift) + ++connections_;
  identity.understands_replies = upgrade.understands_replies;
  identity.trace = std::move(upgrade.trace);
  session::ConnectionLimits limits;
  limits.queue_bytes = settings->queue_bytes;
  limits.pong_timeout = absl::ToChronoSeconds(settings->ping_timeout);
  limits.write_timeout = absl::ToChronoSeconds(settings->write_timeout);
  const session::SessionParts parts{hub_,
                                    reviewer_,
                                    shared_.publisher,
                                    traffic_,
                                    shared_.lease,
                                    shared_.metrics,
                                    room,
                                    {net::Rate(settings->message_rate), upgrade.ticket.messages}};
  using Connection = session::WebSocketConnection;
  const auto request = std::static_pointer_cast<Connection::Request>(upgrade.request);
  const auto connection = std::make_shared<Connection>(
      std::move(upgrade.socket), std::move(upgrade.unread), limits, parts, std::move(identity),
      keepalive_, std::move(upgrade.ticket.place));
  // Should the channel be back by then, it has another life than this connection.
  if (open == rooms_.end()) connection->TurnAway();
  connection->Start(std::move(*request), settings->compress_bytes > 0);
}

void Worker::Apply(hub::Updates updates) {
  {
    const std::lock_guard lock(mutex_);
    arrived_.push_back(std::move(updates));
    if (std::exchange(told_, true)) return;
  }
  arrivals_.Ring();
}

void Worker::TellCount(std::string channel, hub::Count count) {
  asio::post(context_,
             [this, channel = std::move(channel), count] { hub_.TellCount(channel, count); });
}

void Worker::EndTurn() {
  shared_.publisher.Flush();
  reviewer_.Flush();
  if (lingering_) ApplyArrived();
}

// What comes within a moment goes out with the same writes, which is why an event waits for others
// that are known to come. Never for long: see Traffic::Linger().
void Worker::ApplyArrived() {
  {
    const std::lock_guard lock(mutex_);
    told_ = false;
  }
  if (AwaitsMore()) {
    if (std::exchange(lingering_, true)) return;
    linger_timer_.expires_after(traffic_.Linger(hub_.member_count()));
    linger_timer_.async_wait([this](boost::system::error_code error) {
      if (!error) ApplyNow();
    });
    return;
  }
  if (lingering_) linger_timer_.cancel();
  ApplyNow();
}

void Worker::ApplyNow() {
  lingering_ = false;
  std::vector<hub::Updates> arrived;
  {
    const std::lock_guard lock(mutex_);
    arrived.swap(arrived_);
  }
  if (!arrived.empty()) hub_.Apply(arrived);
}

bool Worker::AwaitsMore() {
  if (traffic_.Linger(hub_.member_count()).count() == 0) return false;
  if (traffic_.under_way > 0) return true;
  const std::lock_guard lock(mutex_);
  if (arrived_.empty() || arrived_.back()->empty()) return false;
  const hub::ChannelUpdate& last = arrived_.back()->back();
  const hub::Place published = shared_.publisher.place(last.channel);
  return published.epoch == last.place.epoch && published.offset > last.place.offset;
}

void Worker::Open(std::string channel, std::shared_ptr<void> life, std::shared_ptr<void> done) {
  asio::post(context_, [this, channel = std::move(channel), life = std::move(life),
                        done = std::move(done)]() mutable {
    hub_.Open(channel);
    if (away_) return;
    rooms_[channel] = std::make_shared<Room>(Room{alive_, std::move(life)});
    done.reset();
  });
}

void Worker::Close(std::string channel) {
  asio::post(context_, [this, channel = std::move(channel)] {
    hub_.Close(channel);
    rooms_.erase(channel);
    ForEach([&channel](session::WebSocketConnection& connection) {
      if (connection.channel() != channel) return;
      connection.GoAway(session::WebSocketConnection::Farewell::kChannelRemoved);
    });
  });
}

void Worker::Forget(std::string channel) {
  asio::post(context_, [this, channel = std::move(channel)] { hub_.Forget(channel); });
}

void Worker::SetMessageRate(net::Rate rate) {
  asio::post(context_, [this, rate] {
    ForEach([rate](session::WebSocketConnection& connection) { connection.SetMessageRate(rate); });
  });
}

void Worker::ForEach(const std::function<void(session::WebSocketConnection&)>& action) {
  keepalive_.ForSome(keepalive_.size(), [&action](session::Kept& kept) {
    action(static_cast<session::WebSocketConnection&>(kept));
  });
}

void Worker::SendAway(absl::Duration time) {
  asio::post(context_, [this, time] {
    away_ = true;
    keepalive_.Close();
    alive_.reset();
    rooms_.clear();
    drain_began_ = absl::Now();
    drain_time_ = time;
    drain_size_ = keepalive_.size();
    SendDueAway();
  });
}

void Worker::SendDueAway() {
  const absl::Duration spent = absl::Now() - drain_began_;
  const double part = spent < drain_time_ ? absl::FDivDuration(spent, drain_time_) : 1;
  const auto due = static_cast<size_t>(part * static_cast<double>(drain_size_)) + 1;
  const size_t gone = drain_size_ - keepalive_.size();
  if (due > gone) {
    keepalive_.ForSome(due - gone, [](session::Kept& kept) {
      static_cast<session::WebSocketConnection&>(kept).GoAway();
    });
  }
  if (keepalive_.size() == 0) return;
  drain_timer_.expires_after(kDrainStep);
  drain_timer_.async_wait([this](boost::system::error_code error) {
    if (!error) SendDueAway();
  });
}

void Worker::Stop() {
  if (!thread_.joinable()) return;
  asio::post(context_, [this] { keepalive_.Stop(); });
  context_.stop();
  thread_.join();
}

}  // namespace gischat::edge
