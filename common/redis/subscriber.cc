#include "common/redis/subscriber.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/random_id.h"
#include "common/loop/run_on_loop.h"
#include "common/redis/client.h"
#include "common/redis/link.h"

namespace gischat::redis {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::seconds kHeartbeatInterval{1};
constexpr std::chrono::seconds kPatience{3};
constexpr size_t kChannelsPerCommand = 1000;

}  // namespace

class Subscriber::Core : public Link::User, public std::enable_shared_from_this<Core> {
 public:
  Core(boost::asio::io_context& loop, Client& client)
      : loop_(loop),
        client_(client),
        heartbeat_channel_(absl::StrCat("gischat:heartbeat:", base::RandomUuid())),
        timer_(loop) {}

  void Init(Options options, const std::string& name, prometheus::Registry& registry) {
    link_ = std::make_shared<Link>(loop_, std::move(options), name, std::vector<const Script*>(),
                                   LinkMetrics(registry, name), weak_from_this());
  }

  void Start() {
    started_ = true;
    boost::asio::post(loop_, [self = shared_from_this()] {
      if (!self->stopped_) self->link_->Start();
    });
  }

  void Stop() {
    if (!started_) return Halt();
    loop::RunOnLoop(loop_, [this] { Halt(); });
  }

  void Add(std::string channel) {
    boost::asio::post(loop_, [self = shared_from_this(), channel = std::move(channel)] {
      if (self->channels_[channel]++ == 0 && self->ready_) {
        self->link_->Send({"SUBSCRIBE", channel});
      }
    });
  }

  void Remove(std::string channel) {
    boost::asio::post(loop_, [self = shared_from_this(), channel = std::move(channel)] {
      const auto found = self->channels_.find(channel);
      if (found == self->channels_.end() || --found->second > 0) return;
      self->channels_.erase(found);
      if (self->ready_) self->link_->Send({"UNSUBSCRIBE", channel});
    });
  }

  bool ready() const { return ready_; }

  absl::AnyInvocable<void(std::string_view, std::string)> on_message;
  absl::AnyInvocable<void(std::string_view)> on_resubscribed;

 private:
  void Halt() {
    stopped_ = true;
    ready_ = false;
    timer_.cancel();
    link_->Stop();
    on_message = nullptr;
    on_resubscribed = nullptr;
  }

  void OnUp() override {
    ready_ = true;
    std::vector<std::string> command = {"SUBSCRIBE", heartbeat_channel_};
    for (const auto& [channel, count] : channels_) {
      command.push_back(channel);
      if (command.size() > kChannelsPerCommand) {
        link_->Send(std::exchange(command, {"SUBSCRIBE"}));
      }
    }
    if (command.size() > 1) link_->Send(std::move(command));
    up_since_ = SteadyClock::now();
    Beat();
  }

  void OnDown(const absl::Status& /*why*/) override {
    ready_ = false;
    timer_.cancel();
  }

  void OnReply(Reply reply) override {
    if (reply.elements.size() != 3) {
      return link_->Drop(absl::UnavailableError(
          reply.type == Reply::Type::kError ? reply.text : "nonsense instead of a message"));
    }
    const std::string& kind = reply.elements[0].text;
    const std::string& channel = reply.elements[1].text;
    if (channel == heartbeat_channel_) return;
    if (kind == "message" && on_message) {
      on_message(channel, std::move(reply.elements[2].text));
    } else if (kind == "subscribe" && on_resubscribed) {
      on_resubscribed(channel);
    }
  }

  // The client says the same of the same Redis.
  bool quiet() const override { return !client_.ready(); }
  bool announced() const override { return false; }

  void Beat() {
    if (SteadyClock::now() - std::max(up_since_, link_->last_heard()) > kPatience) {
      return link_->Drop(absl::UnavailableError("no heartbeat on the connection for messages"));
    }
    if (!link_->options().sentinels.empty() && client_.ready() &&
        client_.server() != link_->server()) {
      return link_->Drop(absl::UnavailableError(
          absl::StrCat("the master is at ", client_.server().ToString(), " now")));
    }
    client_.Command({"PUBLISH", heartbeat_channel_, ""}, [](const absl::StatusOr<Reply>&) {});
    timer_.expires_after(kHeartbeatInterval);
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error && self->ready_) self->Beat();
    });
  }

  boost::asio::io_context& loop_;
  Client& client_;
  const std::string heartbeat_channel_;
  std::shared_ptr<Link> link_;
  boost::asio::steady_timer timer_;
  SteadyClock::time_point up_since_;
  std::map<std::string, int> channels_;  // how often each is wanted
  bool stopped_ = false;
  bool started_ = false;  // of the thread that owns the subscriber
  std::atomic<bool> ready_ = false;
};

Subscriber::Subscriber(boost::asio::io_context& loop, Options options, std::string name,
                       Client& client, prometheus::Registry& registry)
    : core_(std::make_shared<Core>(loop, client)) {
  core_->Init(std::move(options), name, registry);
}

Subscriber::~Subscriber() { Stop(); }

void Subscriber::OnMessage(
    absl::AnyInvocable<void(std::string_view channel, std::string payload)> callback) {
  core_->on_message = std::move(callback);
}

void Subscriber::OnResubscribed(absl::AnyInvocable<void(std::string_view channel)> callback) {
  core_->on_resubscribed = std::move(callback);
}

void Subscriber::Start() { core_->Start(); }

void Subscriber::Stop() { core_->Stop(); }

void Subscriber::Add(std::string channel) { core_->Add(std::move(channel)); }

void Subscriber::Remove(std::string channel) { core_->Remove(std::move(channel)); }

bool Subscriber::ready() const { return core_->ready(); }

}  // namespace gischat::redis
