#include "edge/clients/lease.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <set>
#include <utility>

#include "absl/time/clock.h"
#include "edge/clients/loop_tasks.h"
#include "edge/clients/nicknames.h"

namespace gischat::edge::clients {
namespace {

namespace asio = boost::asio;

constexpr absl::Duration kFirstBackoff = absl::Milliseconds(100);
constexpr absl::Duration kLastBackoff = absl::Seconds(1);
constexpr absl::Duration kHealthyFor = absl::Seconds(5);

}  // namespace

// Everything but Health() happens on the loop's thread.
class Lease::Core : public LoopTasks<Core> {
 public:
  Core(asio::io_context& loop, PresenceClient& presence, std::string edge,
       std::vector<std::string> channels, prometheus::Registry& registry)
      : LoopTasks(loop),
        presence_(presence),
        edge_(std::move(edge)),
        nicknames_(std::make_shared<Nicknames>(loop, presence)),
        timer_(loop),
        lost_(prometheus::BuildCounter()
                  .Name("gischat_edge_leases_lost_total")
                  .Help("Times that presence did not know the lease of this edge any more")
                  .Register(registry)
                  .Add({})),
        healthy_(prometheus::BuildGauge()
                     .Name("gischat_edge_presence_answers")
                     .Help("1 while presence answers the reports of this edge")
                     .Register(registry)
                     .Add({})) {
    for (std::string& channel : channels) channels_.try_emplace(std::move(channel));
  }

  void OnSettledCount(std::function<void(const std::string&, hub::Count)> callback) {
    on_settled_count_ = std::move(callback);
  }

  void Start() {
    nicknames_->OnLeaseUnknown([weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self != nullptr && !self->reporting_ && self->announced_) {
        self->Report(/*everything=*/true);
      }
    });
    Attach();
  }

  void Attach() {
    if (stopping_) return;
    presence::v1::AttachRequest request;
    request.set_edge(edge_);
    presence_.Attach(std::move(request), [self = shared_from_this()](auto answer) {
      self->Post([answer = std::move(answer)](Core& core) { core.OnAttached(answer); });
    });
  }

  void Add(const std::string& name) {
    channels_.try_emplace(name);
    ReportSoon();
  }

  void Remove(const std::string& name) {
    if (channels_.erase(name) > 0 && !lease_.empty()) Leave(name, lease_, kFirstBackoff);
  }

  void Connect(const std::string& name, std::function<void(hub::Count)> counted) {
    const auto found = channels_.find(name);
    if (found == channels_.end()) return;
    Channel& channel = found->second;
    ++channel.connections;
    channel.changed = true;
    channel.waiting.push_back(std::move(counted));
    ReportSoon();
  }

  void Disconnect(const std::string& name) {
    const auto found = channels_.find(name);
    if (found == channels_.end()) return;
    Channel& channel = found->second;
    --channel.connections;
    channel.changed = true;
    ReportSoon();
  }

  Nicknames& nicknames() { return *nicknames_; }

  absl::Status Health() const {
    if (absl::Now() - absl::FromUnixNanos(answered_.load()) < kHealthyFor) return absl::OkStatus();
    return absl::UnavailableError("no answer from presence");
  }

  void Stop(absl::Duration patience, std::function<void()> done) {
    stopping_ = true;
    nicknames_->Stop();
    timer_.cancel();
    auto once = std::make_shared<std::function<void()>>([self = shared_from_this(), done] {
      if (!std::exchange(self->ended_, true)) done();
    });
    auto deadline = std::make_shared<asio::steady_timer>(loop_);
    deadline->expires_after(absl::ToChronoMilliseconds(patience));
    deadline->async_wait([once, deadline](boost::system::error_code) { (*once)(); });
    if (lease_.empty()) {
      deadline->cancel();
      return;
    }
    presence_.Detach(DetachRequest(lease_), [self = shared_from_this(), once, deadline](auto) {
      self->Post([deadline](Core&) { deadline->cancel(); });
    });
  }

 private:
  struct Channel {
    uint64_t connections = 0;
    bool changed = false;                                   // since the last report that was sent
    bool announced = false;                                 // presence knows the lease in it
    uint64_t revision = 0;                                  // of the count that was heard last
    absl::Time revised;                                     // when that revision was first heard
    std::vector<std::function<void(hub::Count)>> waiting;   // for the next report
    std::vector<std::function<void(hub::Count)>> reported;  // for the answer to the one under way
  };
  void OnAttached(const absl::StatusOr<presence::v1::AttachResponse>& answer) {
    if (!answer.ok()) {
      OnFailure(answer.status());
      return After(NextBackoff(), [](Core& core) { core.Attach(); });
    }
    lease_ = answer->lease();
    leaving_.clear();
    renew_every_ = absl::Milliseconds(answer->renew_every_ms());
    sequence_ = 0;
    announced_ = false;
    renewal_due_ = false;
    Report(/*everything=*/true);
    ScheduleRenewal();
  }

  // Reports what changed, unless a report is under way: then its answer is followed by the next.
  void ReportSoon() {
    if (!reporting_ && announced_ && !stopping_ && HasNews()) Report(/*everything=*/false);
  }

  bool HasNews() const {
    return std::any_of(channels_.begin(), channels_.end(), [this](const auto& entry) {
      return !leaving_.contains(entry.first) && (entry.second.changed || !entry.second.announced);
    });
  }

  bool HasNewcomer() const {
    return std::any_of(channels_.begin(), channels_.end(), [this](const auto& entry) {
      return !leaving_.contains(entry.first) && !entry.second.announced;
    });
  }

  // A channel that came later is announced by a report of its own: where the lease should be known,
  // it must not be made anew, or nobody would notice that it was lost.
  void Report(bool everything) {
    const bool newcomers_only = announced_ && HasNewcomer();
    if (newcomers_only && everything) renewal_due_ = true;
    presence::v1::ReportRequest request;
    request.set_lease(lease_);
    request.set_sequence(++sequence_);
    request.set_announce(!announced_ || newcomers_only);
    for (auto& [name, channel] : channels_) {
      if (leaving_.contains(name)) continue;
      if (newcomers_only ? channel.announced : !everything && !channel.changed) continue;
      channel.changed = false;
      std::move(channel.waiting.begin(), channel.waiting.end(),
                std::back_inserter(channel.reported));
      channel.waiting.clear();
      presence::v1::Holding& holding = *request.add_holdings();
      holding.set_channel(name);
      holding.set_connections(channel.connections);
    }
    reporting_ = true;
    presence_.Report(std::move(request), [self = shared_from_this()](auto answer) {
      self->Post([answer = std::move(answer)](Core& core) { core.OnReported(answer); });
    });
  }

  void OnReported(const absl::StatusOr<presence::v1::ReportResponse>& answer) {
    reporting_ = false;
    if (stopping_) return;
    if (!answer.ok()) {
      OnFailure(answer.status());
      // Which part was taken is unknown; absolute numbers can be sent again as a whole.
      return After(NextBackoff(), [](Core& core) {
        if (core.stopping_ || core.reporting_ || core.lease_.empty()) return;
        core.Report(/*everything=*/true);
      });
    }
    OnSuccess();
    const bool lost =
        std::any_of(answer->counts().begin(), answer->counts().end(), [this](const auto& count) {
          return !count.known() && channels_.contains(count.channel());
        });
    if (lost) return OnLost();
    if (!std::exchange(announced_, true)) nicknames_->BeginLease(lease_);
    for (const presence::v1::ChannelCount& count : answer->counts()) {
      const auto channel = channels_.find(count.channel());
      if (channel == channels_.end()) continue;  // removed meanwhile
      channel->second.announced = true;
      for (auto& counted : std::exchange(channel->second.reported, {})) {
        counted({count.connections(), count.revision()});
      }
      NoteCount(count.channel(), channel->second, {count.connections(), count.revision()});
    }
    if (HasNews() || renewal_due_) Report(/*everything=*/std::exchange(renewal_due_, false));
  }

  void NoteCount(const std::string& name, Channel& channel, const hub::Count& count) {
    const absl::Time now = absl::Now();
    if (std::exchange(channel.revision, count.revision) != count.revision) {
      channel.revised = now;
    } else if (on_settled_count_ && now - channel.revised >= renew_every_) {
      on_settled_count_(name, count);
    }
  }

  // Every renew_every_ a whole report, which renews the lease in every channel.
  void ScheduleRenewal() {
    timer_.expires_after(absl::ToChronoMilliseconds(renew_every_));
    timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
      if (error || self->stopping_) return;
      self->ScheduleRenewal();
      if (self->reporting_ || !self->announced_) {
        self->renewal_due_ = self->announced_;
      } else {
        self->Report(/*everything=*/true);
      }
    });
  }

  void OnLost() {
    spdlog::warn("edge: presence does not know our lease any more, announcing everything again");
    lost_.Increment();
    announced_ = false;
    nicknames_->EndLease();
    for (auto& [name, channel] : channels_) {
      std::move(channel.reported.begin(), channel.reported.end(),
                std::back_inserter(channel.waiting));
      channel.reported.clear();
    }
    GiveUp(std::exchange(lease_, {}));
  }

  // Ends the lease in a channel that was removed. No report about it may be under way, which would
  // be told that the lease is unknown there; and when the channel has come back meanwhile, it is
  // not announced before that is done, or it would be undone.
  void Leave(const std::string& name, const std::string& lease, absl::Duration backoff) {
    if (stopping_ || lease != lease_) return;
    if (channels_.contains(name) && !leaving_.contains(name)) return;
    const auto again = [name, lease, next = std::min(backoff * 2, kLastBackoff)](Core& core) {
      core.Leave(name, lease, next);
    };
    if (reporting_) return After(kFirstBackoff, again);
    presence::v1::DetachRequest request;
    request.set_lease(lease);
    request.add_channels(name);
    leaving_.insert(name);
    presence_.Detach(std::move(request),
                     [self = shared_from_this(), name, again, backoff](auto answer) {
                       self->Post([name, again, backoff, left = answer.ok()](Core& core) {
                         if (!left) return core.After(backoff, again);
                         core.leaving_.erase(name);
                         core.ReportSoon();  // if it is back
                       });
                     });
  }

  // Some channels may know the old lease still: there it would count a second time, and keep its
  // nicknames from the new one.
  void GiveUp(const std::string& lease) {
    presence_.Detach(DetachRequest(lease), [self = shared_from_this(), lease](auto answer) {
      self->Post([lease, status = answer.status()](Core& core) {
        if (core.stopping_) return;
        if (status.ok()) return core.Attach();
        core.OnFailure(status);
        core.After(core.NextBackoff(), [lease](Core& later) { later.GiveUp(lease); });
      });
    });
  }

  presence::v1::DetachRequest DetachRequest(const std::string& lease) const {
    presence::v1::DetachRequest request;
    request.set_lease(lease);
    for (const auto& [name, channel] : channels_) request.add_channels(name);
    return request;
  }

  void OnSuccess() {
    if (told_away_) spdlog::info("edge: presence answers again");
    told_away_ = false;
    backoff_ = kFirstBackoff;
    answered_.store(absl::ToUnixNanos(absl::Now()));
    healthy_.Set(1);
  }

  void OnFailure(const absl::Status& status) {
    if (!std::exchange(told_away_, true)) {
      spdlog::warn("edge: presence can't be reached ({}), trying again", status.ToString());
    }
    healthy_.Set(0);
  }

  absl::Duration NextBackoff() {
    return std::exchange(backoff_, std::min(backoff_ * 2, kLastBackoff));
  }

  PresenceClient& presence_;
  const std::string edge_;
  std::function<void(const std::string&, hub::Count)> on_settled_count_;
  std::map<std::string, Channel> channels_;
  std::set<std::string> leaving_;  // channels in which the lease is being ended
  const std::shared_ptr<Nicknames> nicknames_;
  std::string lease_;  // empty: none yet
  uint64_t sequence_ = 0;
  bool announced_ = false;  // presence knows the lease in all channels
  bool reporting_ = false;
  bool stopping_ = false;
  bool told_away_ = false;
  asio::steady_timer timer_;
  absl::Duration renew_every_ = absl::Seconds(2);
  bool renewal_due_ = false;  // after the report that is under way
  absl::Duration backoff_ = kFirstBackoff;
  std::atomic<int64_t> answered_{0};  // nanoseconds since 1970
  prometheus::Counter& lost_;
  prometheus::Gauge& healthy_;
};

Lease::Lease(asio::io_context& loop, PresenceClient& presence, std::string edge,
             std::vector<std::string> channels, prometheus::Registry& registry)
    : core_(
          std::make_shared<Core>(loop, presence, std::move(edge), std::move(channels), registry)) {}

Lease::~Lease() = default;

void Lease::OnSettledCount(std::function<void(const std::string&, hub::Count)> callback) {
  core_->OnSettledCount(std::move(callback));
}

void Lease::Start() {
  core_->Post([](Core& core) { core.Start(); });
}

void Lease::Add(std::string channel) {
  core_->Post([channel = std::move(channel)](Core& core) { core.Add(channel); });
}

void Lease::Remove(std::string channel) {
  core_->Post([channel = std::move(channel)](Core& core) { core.Remove(channel); });
}

void Lease::Connect(std::string channel, std::function<void(hub::Count)> counted) {
  core_->Post([channel = std::move(channel), counted = std::move(counted)](Core& core) mutable {
    core.Connect(channel, std::move(counted));
  });
}

void Lease::Disconnect(std::string channel) {
  core_->Post([channel = std::move(channel)](Core& core) { core.Disconnect(channel); });
}

void Lease::Register(NicknameClaim claim) {
  core_->Post([claim = std::move(claim)](Core& core) mutable {
    core.nicknames().Register(std::move(claim));
  });
}

void Lease::Unregister(std::string channel, uint64_t connection, std::function<void()> done) {
  core_->Post([channel = std::move(channel), connection, done = std::move(done)](Core& core) {
    core.nicknames().Unregister(channel, connection, done);
  });
}

void Lease::Verify(std::string channel) {
  core_->Post([channel = std::move(channel)](Core& core) { core.nicknames().Verify(channel); });
}

absl::Status Lease::Health() const { return core_->Health(); }

void Lease::Stop(absl::Duration patience, std::function<void()> done) {
  core_->Post([patience, done = std::move(done)](Core& core) { core.Stop(patience, done); });
}

}  // namespace gischat::edge::clients
