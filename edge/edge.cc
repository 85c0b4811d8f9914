#include "edge/edge.h"

#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cstdint>
#include <future>
#include <map>
#include <utility>

#include "absl/strings/str_join.h"
#include "common/loop/run_on_loop.h"
#include "edge/clients/delivery_timer.h"
#include "edge/clients/event_stream.h"
#include "edge/clients/lease.h"
#include "edge/clients/publisher.h"
#include "edge/http/admission.h"
#include "edge/http/handlers.h"
#include "edge/http/trusted_proxies.h"
#include "edge/http/user_lists.h"
#include "edge/net/listener.h"
#include "edge/session/edge_metrics.h"
#include "edge/settings/live_settings.h"
#include "edge/worker.h"

namespace gischat::edge {
namespace {

// A client is shown what it said for 1 s at most, and has 5 s to answer our close.
constexpr std::chrono::seconds kSessionsEnd(7);
constexpr absl::Duration kDetachPatience = absl::Seconds(1);

// Files that are kept free for everything that is not a client's WebSocket.
constexpr uint32_t kReservedFiles = 256;
// How many of those HTTP connections may use while all WebSockets are taken.
constexpr uint32_t kFilesForRequests = 128;

// As many connections as there are files for, unless a smaller number is set.
http::AdmissionLimits LimitsOf(const Settings& settings) {
  http::AdmissionLimits limits;
  limits.connections = settings.max_connections;
  limits.connections_per_address = settings.max_connections_per_ip;
  limits.connection_rate = settings.connection_rate;
  limits.message_rate = settings.message_rate_per_ip;
  limits.allowed_origins = settings.allowed_origins;
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY) return limits;
  const auto room = static_cast<uint32_t>(
      std::clamp<rlim_t>(files.rlim_cur, kReservedFiles + 1, UINT32_MAX) - kReservedFiles);
  if (limits.connections > room) {
    spdlog::warn("edge: GISCHAT_MAX_CONNECTIONS is {}, but {} open files leave room for {}",
                 limits.connections, files.rlim_cur, room);
  }
  if (limits.connections == 0) limits.connections = room;
  limits.sockets = room + kFilesForRequests;
  return limits;
}

// Nothing that a client may say can cut off those who only listen.
Settings WithRoomForAMessage(Settings settings) {
  const uint64_t largest = LargestMessage(settings.limits);
  if (settings.queue_bytes < largest) {
    spdlog::warn("edge: GISCHAT_QUEUE_BYTES is {}, but a message may have {} bytes: raised to that",
                 settings.queue_bytes, largest);
    settings.queue_bytes = largest;
  }
  return settings;
}

}  // namespace

class Edge::Parts {
 public:
  Parts(Settings given, Backends backends, boost::asio::io_context& loop,
        prometheus::Registry& registry)
      : loop_(loop),
        live_(WithRoomForAMessage(std::move(given))),
        settings_(*live_.Now()),
        metrics_(registry),
        moderation_(std::move(backends.moderation)),
        presence_(std::move(backends.presence)),
        fanout_(std::move(backends.fanout)),
        publisher_(loop, *fanout_, settings_.channels, clients::BacklogLimits{}, registry),
        lease_(loop, *presence_, Name(), settings_.channels, registry),
        delivery_timer_(publisher_, registry),
        users_(*presence_, settings_.channels, registry),
        stream_(
            loop, *fanout_, Name(), settings_.channels,
            [this](const hub::Updates& updates) {
              users_.Apply(*updates);  // before any client hears of them
              const hub::Updates watched = delivery_timer_.Watch(updates);
              for (const auto& worker : workers_) worker->Apply(watched);
              NoteEpochs(*updates);
            },
            registry),
        handlers_({live_, *moderation_, *presence_, *fanout_, publisher_, users_, metrics_,
                   [this] { return Faults(); }},
                  registry),
        admission_(LimitsOf(settings_), registry),
        proxies_(settings_.trusted_proxies) {
    std::shared_ptr<void> alive(nullptr, [this](void*) { sessions_ended_.set_value(); });
    for (uint32_t i = 0; i < settings_.threads; ++i) {
      workers_.push_back(
          std::make_unique<Worker>(i,
                                   Worker::Shared{live_, *moderation_, publisher_, lease_, metrics_,
                                                  handlers_, admission_, proxies_},
                                   alive));
    }
    lease_.OnSettledCount([this](const std::string& channel, hub::Count count) {
      for (const auto& worker : workers_) worker->TellCount(channel, count);
    });
    for (const std::string& channel : settings_.channels) OpenOnWorkers(channel, nullptr);
  }

  // Answers of the services are handed to the workers and to the loop: the last one has to be there
  // before these go.
  ~Parts() {
    reloading_.reset();
    moderation_.reset();
    presence_.reset();
    fanout_.reset();
  }

  absl::Status Start() {
    std::vector<boost::asio::io_context*> contexts;
    for (const auto& worker : workers_) contexts.push_back(&worker->context());
    auto listener = net::Listener::Open(settings_.address, settings_.port, contexts);
    if (!listener.ok()) return listener.status();
    listener_ = *std::move(listener);
    lease_.Start();
    stream_.Start();
    for (const auto& worker : workers_) worker->Start();
    listener_->Start(
        [this](size_t i, net::Socket socket) { workers_[i]->Serve(std::move(socket)); });
    spdlog::info("edge: listening on {}:{} ({}, threads: {}, channels: {})", settings_.address,
                 listener_->port(), settings_.environment, settings_.threads,
                 absl::StrJoin(settings_.channels, ", "));
    return absl::OkStatus();
  }

  void Stop() {
    if (listener_ == nullptr) return;
    std::promise<void> settled;
    boost::asio::post(loop_, [&] {
      reloading_.reset();
      settled.set_value();
    });
    settled.get_future().wait();
    admission_.Close();
    listener_->Stop();
    for (const auto& worker : workers_) worker->SendAway(settings_.drain);
    sessions_ended_.get_future().wait_for(absl::ToChronoSeconds(settings_.drain) + kSessionsEnd);
    std::promise<void> detached;
    lease_.Stop(kDetachPatience, [&] { detached.set_value(); });
    detached.get_future().wait();
    stream_.Stop();
    for (const auto& worker : workers_) worker->Stop();
    publisher_.Stop();  // its outcomes are handed to the workers, and it calls fanout from the loop
    loop::RunOnLoop(loop_, [] {});
    listener_.reset();
  }

  void Apply(Settings given) {
    boost::asio::post(loop_,
                      [this, alive = alive_, settings = WithRoomForAMessage(std::move(given))] {
                        if (!alive.expired()) ApplyNow(settings);
                      });
  }

  std::vector<std::string> Faults() const {
    std::vector<std::string> faults;
    if (!moderation_->IsReachable()) faults.emplace_back("moderation can't be reached");
    if (!lease_.Health().ok()) faults.emplace_back("presence can't be reached");
    if (!stream_.Health().ok()) faults.emplace_back("fanout can't be reached");
    return faults;
  }

 private:
  // New channels are shown to clients when every part knows them; those that are gone are hidden
  // before any part is told.
  void ApplyNow(const Settings& settings) {
    admission_.Change(LimitsOf(settings));
    wanted_ = settings.channels;
    const auto before = live_.Now();
    if (settings.message_rate != before->message_rate) {
      for (const auto& worker : workers_) worker->SetMessageRate(net::Rate(settings.message_rate));
    }
    std::vector<std::string> gone;
    for (const auto& [channel, life] : open_) {
      if (!Holds(settings.channels, channel)) gone.push_back(channel);
    }
    const auto show = [this, alive = alive_, settings, gone] {
      if (alive.expired()) return;
      live_.Replace(settings);
      for (const std::string& channel : gone) CloseChannel(channel);
    };
    // Let go by the last worker that is ready, or at the end of all.
    const std::shared_ptr<void> ready(
        nullptr, [show, &loop = loop_](void*) { boost::asio::post(loop, show); });
    std::vector<std::string> added;
    for (const std::string& channel : settings.channels) {
      if (open_.contains(channel)) continue;
      added.push_back(channel);
      publisher_.Add(channel);
      lease_.Add(channel);
      users_.Add(channel);
      OpenOnWorkers(channel, ready);
    }
    if (!added.empty()) stream_.Add(std::move(added));
  }

  static bool Holds(const std::vector<std::string>& channels, const std::string& channel) {
    return std::find(channels.begin(), channels.end(), channel) != channels.end();
  }

  // A channel that is opened again before the last has left it has the same life.
  void OpenOnWorkers(const std::string& channel, const std::shared_ptr<void>& ready) {
    std::shared_ptr<void> life = lives_[channel].lock();
    if (life.use_count() == 0) {  // it points to nothing, also while it lasts
      life = std::shared_ptr<void>(
          nullptr, [this, channel, &loop = loop_, alive = std::weak_ptr<void>(reloading_)](void*) {
            boost::asio::post(loop, [this, channel, alive] {
              if (!alive.expired()) ForgetChannel(channel);
            });
          });
      lives_[channel] = life;
    }
    open_[channel] = life;
    for (const auto& worker : workers_) worker->Open(channel, life, ready);
  }

  void CloseChannel(const std::string& channel) {
    if (Holds(wanted_, channel)) return;  // it is back
    open_.erase(channel);
    for (const auto& worker : workers_) worker->Close(channel);
  }

  // Nothing goes on in it any more.
  void ForgetChannel(const std::string& channel) {
    const auto life = lives_.find(channel);
    if (life == lives_.end() || !life->second.expired()) return;
    lives_.erase(life);
    for (const auto& worker : workers_) worker->Forget(channel);
    stream_.Remove(channel);
    users_.Remove(channel);
    lease_.Remove(channel);
    publisher_.Remove(channel);
    spdlog::info("edge: channel {} is gone", channel);
  }

  // A new epoch: the store may have lost what presence wrote last, too.
  void NoteEpochs(const std::vector<hub::ChannelUpdate>& updates) {
    for (const hub::ChannelUpdate& update : updates) {
      uint64_t& epoch = epochs_[update.channel];
      if (epoch == update.place.epoch) continue;
      if (epoch != 0) lease_.Verify(update.channel);
      epoch = update.place.epoch;
    }
  }

  std::string Name() const { return settings_.address + ":" + std::to_string(settings_.port); }

  boost::asio::io_context& loop_;
  LiveSettings live_;
  const Settings settings_;  // those of the start, for what can't change
  session::EdgeMetrics metrics_;
  std::unique_ptr<clients::ModerationClient> moderation_;
  std::unique_ptr<clients::PresenceClient> presence_;
  std::unique_ptr<clients::FanoutClient> fanout_;
  clients::Publisher publisher_;
  clients::Lease lease_;
  clients::DeliveryTimer delivery_timer_;
  http::UserLists users_;
  std::promise<void> sessions_ended_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::map<std::string, uint64_t> epochs_;  // of the channels; the stream's, like its sink
  clients::EventStream stream_;
  http::Handlers handlers_;
  http::Admission admission_;
  http::TrustedProxies proxies_;
  std::unique_ptr<net::Listener> listener_;
  // The loop's, once the edge has started: channels that are open, and those in which something
  // goes on still. A life ends when its last session and socket has.
  std::map<std::string, std::shared_ptr<void>> open_;
  std::map<std::string, std::weak_ptr<void>> lives_;
  std::vector<std::string> wanted_;  // the loop's: those of the last settings that were applied
  std::shared_ptr<void> reloading_ = std::make_shared<int>(0);  // until Stop()
  const std::weak_ptr<void> alive_ = reloading_;
};

Edge::Edge(Settings settings, Backends backends, boost::asio::io_context& loop,
           prometheus::Registry& registry)
    : parts_(std::make_unique<Parts>(std::move(settings), std::move(backends), loop, registry)) {}

Edge::~Edge() = default;

absl::Status Edge::Start() { return parts_->Start(); }

void Edge::Stop() { parts_->Stop(); }

void Edge::Apply(Settings settings) { parts_->Apply(std::move(settings)); }

std::vector<std::string> Edge::Faults() const { return parts_->Faults(); }

absl::Status Edge::Health() const {
  const std::vector<std::string> faults = Faults();
  if (faults.empty()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrJoin(faults, "; "));
}

}  // namespace gischat::edge
