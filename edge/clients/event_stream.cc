#include "edge/clients/event_stream.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "edge/clients/read_times.h"

namespace gischat::edge::clients {
namespace {

namespace asio = boost::asio;
using Steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kFirstBackoff(100);
constexpr std::chrono::milliseconds kLastBackoff(1000);
// Three heartbeats of the service.
constexpr std::chrono::seconds kSilence(3);
// A stream begins to beat at once: one that does not is at a replica that hangs.
constexpr std::chrono::milliseconds kSilenceAtFirst(1500);
constexpr std::chrono::milliseconds kSilenceCheck(250);
// Streams that are opened side by side after a silence: the channel to fanout goes round its
// replicas, and may come upon the one that hangs again.
constexpr int kTriesAfterSilence = 2;

uint64_t TokenOf(const fanout::v1::Event& event) {
  if (event.publisher().empty()) return 0;
  return PublishToken(event.publisher(), event.sequence());
}

}  // namespace

// Streams report on threads of gRPC, timers run on the loop; the mutex is between them.
class EventStream::Core : public std::enable_shared_from_this<Core> {
 public:
  Core(asio::io_context& loop, FanoutClient& fanout, std::string edge,
       std::vector<std::string> channels, Sink sink, prometheus::Registry& registry)
      : loop_(loop),
        fanout_(fanout),
        edge_(std::move(edge)),
        sink_(std::move(sink)),
        retry_(loop),
        watch_(loop),
        connected_(prometheus::BuildGauge()
                       .Name("gischat_edge_stream_connected")
                       .Help("1 while the event stream from fanout is alive")
                       .Register(registry)
                       .Add({})),
        restarts_(prometheus::BuildCounter()
                      .Name("gischat_edge_stream_restarts_total")
                      .Help("Times that the event stream from fanout began again")
                      .Register(registry)
                      .Add({})) {
    for (std::string& channel : channels) places_.emplace(std::move(channel), hub::Place());
  }

  void Start() {
    asio::post(loop_, [self = shared_from_this()] {
      self->Open();
      self->Watch();
    });
  }

  void Add(const std::vector<std::string>& channels) {
    {
      const std::lock_guard lock(mutex_);
      for (const std::string& channel : channels) places_.emplace(channel, hub::Place());
    }
    ReopenSoon();
  }

  void Remove(const std::string& channel) {
    {
      const std::lock_guard lock(mutex_);
      places_.erase(channel);
    }
    ReopenSoon();
  }

  void Stop() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
      generation_ = 0;
      trying_.clear();
    }
    asio::post(loop_, [self = shared_from_this()] {
      self->streams_.clear();
      self->retry_.cancel();
      self->watch_.cancel();
    });
  }

  absl::Status Health() const {
    const std::lock_guard lock(mutex_);
    if (alive_) return absl::OkStatus();
    return absl::UnavailableError("no event stream from fanout");
  }

 private:
  // One stream; hands over to the core unless another one is listened to.
  class Listener final : public StreamListener {
   public:
    Listener(std::shared_ptr<Core> core, uint64_t generation)
        : core_(std::move(core)), generation_(generation) {}
    void OnResponse(const fanout::v1::SubscribeResponse& response) override {
      core_->Take(generation_, response);
    }
    void OnEnd(const absl::Status& status) override { core_->End(generation_, status); }

   private:
    std::shared_ptr<Core> core_;
    uint64_t generation_;
  };

  void Open() {
    int tries = 0;
    {
      const std::lock_guard lock(mutex_);
      heard_ = Steady::now();
      tries = std::exchange(tries_, 1);
    }
    for (int i = 0; i < tries; ++i) OpenOne();
  }

  void OpenOne() {
    fanout::v1::SubscribeRequest request;
    request.set_edge(edge_);
    uint64_t generation = 0;
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) return;
      generation = ++last_generation_;
      trying_.insert(generation);
      for (const auto& [channel, place] : places_) {
        fanout::v1::ResumePoint& point = *request.add_channels();
        point.set_channel(channel);
        point.set_epoch(place.epoch);
        point.set_offset(place.offset);
      }
    }
    streams_[generation] = fanout_.Subscribe(
        std::move(request), std::make_shared<Listener>(shared_from_this(), generation));
  }

  // Whether this stream is listened to: the first of those tried that is heard. Called with the
  // mutex held.
  bool Choose(uint64_t generation) {
    if (generation == generation_) return true;
    if (!trying_.contains(generation)) return false;
    generation_ = generation;
    trying_.clear();
    asio::post(loop_, [self = shared_from_this(), generation] {
      std::erase_if(self->streams_, [&](const auto& entry) { return entry.first != generation; });
    });
    return true;
  }

  // With the channels as they are now. What comes still on the stream before is not listened to:
  // the next one has it, too.
  void ReopenSoon() {
    asio::post(loop_, [self = shared_from_this()] {
      {
        const std::lock_guard lock(self->mutex_);
        // Not begun, or about to begin again.
        if (self->generation_ == 0 && self->trying_.empty()) return;
        self->generation_ = 0;
        self->trying_.clear();
      }
      self->streams_.clear();
      self->Open();
    });
  }

  void Take(uint64_t generation, const fanout::v1::SubscribeResponse& response) {
    // Held while the sink is called, so that the updates of an old stream can't come after those
    // of a new one. The sink only hands over to the io threads.
    const std::lock_guard lock(mutex_);
    if (!Choose(generation)) return;
    heard_ = Steady::now();
    if (!alive_) SetAlive(true);
    backoff_ = kFirstBackoff;
    auto updates = std::make_shared<std::vector<hub::ChannelUpdate>>();
    const bool whole =
        std::all_of(response.items().begin(), response.items().end(),
                    [&](const fanout::v1::Item& item) { return Append(item, updates.get()); });
    // What came before a hole counts as heard, so that it has to be handed on.
    if (!updates->empty()) sink_(std::move(updates));
    if (!whole) Restart(absl::DataLossError("an event is missing in the stream"));
  }

  // False when the event is not the next one.
  bool Append(const fanout::v1::Item& item, std::vector<hub::ChannelUpdate>* updates) {
    const auto place = places_.find(item.channel());
    if (place == places_.end()) return true;
    hub::ChannelUpdate update;
    update.channel = item.channel();
    if (item.has_snapshot()) {
      update.is_snapshot = true;
      update.place = {item.snapshot().epoch(), item.snapshot().offset()};
      update.history_limit = item.snapshot().history_limit();
      for (const fanout::v1::Event& event : item.snapshot().history()) AppendEvent(event, &update);
    } else {
      const fanout::v1::Event& event = item.event();
      update.place = {event.epoch(), event.offset()};
      const bool same_epoch = event.epoch() == place->second.epoch;
      if (same_epoch && event.offset() <= place->second.offset) return true;
      if (same_epoch && event.offset() != place->second.offset + 1) return false;
      AppendEvent(event, &update);
    }
    place->second = update.place;
    updates->push_back(std::move(update));
    return true;
  }

  static void AppendEvent(const fanout::v1::Event& event, hub::ChannelUpdate* update) {
    chat::v1::ChatMessage message;
    if (!message.ParseFromString(event.message())) {
      spdlog::error("edge: an event of channel '{}' can't be read and is left out",
                    update->channel);
      return;
    }
    update->happenings.push_back({{event.epoch(), event.offset()},
                                  event.stored(),
                                  std::make_shared<hub::Broadcast>(std::move(message)),
                                  TokenOf(event)});
  }

  void End(uint64_t generation, const absl::Status& status) {
    const std::lock_guard lock(mutex_);
    const bool last_try = trying_.erase(generation) > 0 && trying_.empty();
    if (generation == generation_ || last_try) Restart(status);
  }

  // Called with the mutex held.
  void Restart(const absl::Status& why) {
    generation_ = 0;
    trying_.clear();
    if (alive_) {
      spdlog::warn("edge: event stream from fanout lost ({}), resuming", why.ToString());
    } else if (!told_away_) {
      spdlog::warn("edge: no event stream from fanout ({}), trying again", why.ToString());
      told_away_ = true;
    }
    SetAlive(false);
    restarts_.Increment();
    asio::post(loop_, [self = shared_from_this()] { self->OpenLater(); });
  }

  void SetAlive(bool alive) {
    if (alive && !alive_) spdlog::info("edge: event stream from fanout is up");
    if (alive) told_away_ = false;
    alive_ = alive;
    connected_.Set(alive ? 1 : 0);
  }

  void OpenLater() {
    if (stopped_) return;
    streams_.clear();
    {
      const std::lock_guard lock(mutex_);
      retry_.expires_after(backoff_);
      backoff_ = std::min(backoff_ * 2, kLastBackoff);
    }
    retry_.async_wait([self = shared_from_this()](boost::system::error_code error) {
      if (!error && !self->stopped_) self->Open();
    });
  }

  void Watch() {
    watch_.expires_after(kSilenceCheck);
    watch_.async_wait([self = shared_from_this()](boost::system::error_code error) {
      if (error || self->stopped_) return;
      self->CheckSilence();
      self->Watch();
    });
  }

  void CheckSilence() {
    const std::lock_guard lock(mutex_);
    const std::chrono::milliseconds patience = alive_ ? kSilence : kSilenceAtFirst;
    const bool listens = generation_ != 0 || !trying_.empty();
    if (!listens || Steady::now() - heard_ < patience) return;
    tries_ = kTriesAfterSilence;
    Restart(absl::UnavailableError("nothing heard for too long"));
  }

  asio::io_context& loop_;
  FanoutClient& fanout_;
  const std::string edge_;
  const Sink sink_;
  std::map<uint64_t, std::unique_ptr<FanoutClient::Stream>> streams_;  // the loop's; by generation
  asio::steady_timer retry_;
  asio::steady_timer watch_;
  std::atomic<bool> stopped_ = false;

  mutable std::mutex mutex_;  // guards what follows
  std::map<std::string, hub::Place> places_;
  uint64_t last_generation_ = 0;
  uint64_t generation_ = 0;    // of the stream that is listened to; 0: none is
  std::set<uint64_t> trying_;  // generations of streams of which nothing was heard yet
  int tries_ = 1;              // streams to be opened next
  std::chrono::milliseconds backoff_ = kFirstBackoff;
  Steady::time_point heard_;
  bool alive_ = false;
  bool told_away_ = false;
  prometheus::Gauge& connected_;
  prometheus::Counter& restarts_;
};

EventStream::EventStream(asio::io_context& loop, FanoutClient& fanout, std::string edge,
                         std::vector<std::string> channels, Sink sink,
                         prometheus::Registry& registry)
    : core_(std::make_shared<Core>(loop, fanout, std::move(edge), std::move(channels),
                                   std::move(sink), registry)) {}

EventStream::~EventStream() { Stop(); }

void EventStream::Start() { core_->Start(); }

void EventStream::Add(std::vector<std::string> channels) { core_->Add(channels); }

void EventStream::Remove(std::string channel) { core_->Remove(channel); }

void EventStream::Stop() { core_->Stop(); }

absl::Status EventStream::Health() const { return core_->Health(); }

}  // namespace gischat::edge::clients
