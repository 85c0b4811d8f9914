#include "edge/clients/nicknames.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"

namespace gischat::edge::clients {
namespace {

using presence::v1::RegisterResponse;

constexpr absl::Duration kFirstBackoff = absl::Milliseconds(100);
constexpr absl::Duration kLastBackoff = absl::Seconds(1);
// Nicknames given back are remembered for so long, and so many.
constexpr absl::Duration kRemembered = absl::Seconds(60);
constexpr size_t kMostRemembered = 10'000;

}  // namespace

struct Nicknames::Pending {
  NicknameClaim claim;
  std::string request_id;
  std::string lease;  // that it was sent for last
  absl::Duration backoff = kFirstBackoff;
  std::function<void()> cancelled;    // set: the nickname is not wanted any more
  bool again = false;                 // an old nickname, announced again after the lease was lost
  std::optional<NicknameClaim> next;  // to be made when the outcome of this one is known
  std::optional<Name> fallback;       // held until the lease was lost; wanted if this one is taken
};

Nicknames::Nicknames(boost::asio::io_context& loop, PresenceClient& presence)
    : LoopTasks(loop), presence_(presence) {}

void Nicknames::BeginLease(std::string lease) {
  lease_ = std::move(lease);
  for (auto& [key, name] : std::exchange(held_, {})) {
    const auto changing = claims_.find(key);
    if (changing == claims_.end()) {
      ClaimAgain(key, name);
    } else {
      changing->second->fallback = name;
    }
  }
}

void Nicknames::Register(NicknameClaim claim) {
  const auto earlier = claims_.find({claim.channel, claim.connection});
  if (earlier != claims_.end()) {
    earlier->second->next = std::move(claim);
    return;
  }
  Begin(std::move(claim), /*again=*/false);
}

void Nicknames::Unregister(const std::string& channel, uint64_t connection,
                           std::function<void()> done) {
  const Key key{channel, connection};
  const auto claimed = claims_.find(key);
  if (claimed != claims_.end()) {
    claimed->second->cancelled = std::move(done);  // given back when its outcome is known
    claimed->second->next.reset();
    return;
  }
  Release(key, std::move(done));
}

void Nicknames::Verify(const std::string& channel) {
  if (lease_.empty()) return;  // everything is about to be claimed anyway
  for (auto entry = held_.lower_bound({channel, 0}); entry != held_.end();) {
    const auto& [key, name] = *entry;
    if (key.channel != channel) break;
    if (claims_.contains(key)) {
      ++entry;
      continue;
    }
    Begin({channel, key.connection, name.nickname, "", {}, nullptr, name.on_lost},
          /*again=*/true, name.request_id);
    entry = held_.erase(entry);
  }
  for (const Released& released : released_) {
    if (released.request.channel() != channel || released.request.lease() != lease_) continue;
    SendRelease(
        released.request, [] {}, kFirstBackoff);
  }
}

void Nicknames::ClaimAgain(const Key& key, const Name& name) {
  Begin({key.channel, key.connection, name.nickname, "", {}, nullptr, name.on_lost},
        /*again=*/true);
}

void Nicknames::Begin(NicknameClaim claim, bool again, std::string request_id) {
  auto pending = std::make_shared<Pending>();
  pending->claim = std::move(claim);
  pending->request_id = std::move(request_id);
  pending->again = again;
  claims_[{pending->claim.channel, pending->claim.connection}] = pending;
  Send(pending);
}

void Nicknames::Send(const PendingPtr& pending) {
  const NicknameClaim& claim = pending->claim;
  if (pending->cancelled && pending->lease != lease_) {
    claims_.erase({claim.channel, claim.connection});
    return pending->cancelled();  // whatever an old lease won went with it
  }
  if (lease_.empty()) return SendLater(pending);
  pending->lease = lease_;
  presence::v1::RegisterRequest request;
  request.set_lease(lease_);
  request.set_channel(claim.channel);
  request.set_connection(claim.connection);
  request.set_request_id(pending->request_id);
  request.set_nickname(claim.nickname);
  request.set_previous_nickname(claim.previous_nickname);
  if (claim.trace.request() != 0) *request.mutable_trace() = claim.trace;
  presence_.Register(std::move(request), [self = shared_from_this(), pending](auto answer) {
    self->Post([pending, answer = std::move(answer)](Nicknames& names) {
      names.OnAnswer(pending, answer);
    });
  });
}

void Nicknames::SendLater(const PendingPtr& pending) {
  const absl::Duration wait = pending->backoff;
  pending->backoff = std::min(wait * 2, kLastBackoff);
  After(wait, [pending](Nicknames& names) { names.Send(pending); });
}

void Nicknames::OnAnswer(const PendingPtr& pending,
                         const absl::StatusOr<RegisterResponse>& answer) {
  if (pending->lease != lease_) {  // the answer is about a lease that is gone
    pending->request_id = base::RandomUuid();
    return Send(pending);
  }
  if (!answer.ok()) return SendLater(pending);
  if (answer->outcome() == RegisterResponse::LEASE_UNKNOWN) {
    on_lease_unknown_();
    return SendLater(pending);
  }
  OnOutcome(pending, answer->outcome() == RegisterResponse::REGISTERED);
}

void Nicknames::OnOutcome(const PendingPtr& pending, bool registered) {
  const NicknameClaim& claim = pending->claim;
  const Key key{claim.channel, claim.connection};
  claims_.erase(key);
  if (registered) {
    const auto previous = held_.find(key);
    if (previous != held_.end()) Remember(ReleaseOf(key, previous->second));
    held_[key] = {claim.nickname, pending->request_id, claim.on_lost};
  }
  if (pending->cancelled) return Release(key, pending->cancelled);
  if (claim.done) claim.done(registered ? ClaimOutcome::kRegistered : ClaimOutcome::kTaken);
  if (pending->again && !registered && claim.on_lost) claim.on_lost();
  if (pending->next) {
    Begin(*std::move(pending->next), /*again=*/false);
  } else if (pending->fallback && !registered) {
    ClaimAgain(key, *pending->fallback);
  }
}

// Gives back what the connection holds, if anything.
void Nicknames::Release(const Key& key, std::function<void()> done) {
  const auto held = held_.find(key);
  if (held == held_.end()) return done();
  presence::v1::UnregisterRequest request = ReleaseOf(key, held->second);
  held_.erase(held);
  Remember(request);
  SendRelease(std::move(request), std::move(done), kFirstBackoff);
}

presence::v1::UnregisterRequest Nicknames::ReleaseOf(const Key& key, const Name& name) const {
  presence::v1::UnregisterRequest request;
  request.set_lease(lease_);
  request.set_channel(key.channel);
  request.set_connection(key.connection);
  request.set_nickname(name.nickname);
  request.set_request_id(name.request_id);
  return request;
}

void Nicknames::Remember(presence::v1::UnregisterRequest request) {
  const absl::Time now = absl::Now();
  released_.push_back({now, std::move(request)});
  while (released_.size() > kMostRemembered || released_.front().when < now - kRemembered) {
    released_.pop_front();
  }
}

void Nicknames::SendRelease(presence::v1::UnregisterRequest request, std::function<void()> done,
                            absl::Duration backoff) {
  if (lease_.empty()) return done();  // went with the lease
  request.set_lease(lease_);
  presence_.Unregister(request, [self = shared_from_this(), request, done, backoff](auto answer) {
    self->Post([request, done, backoff, ok = answer.ok()](Nicknames& names) {
      if (ok) return done();
      names.After(backoff, [request, done, backoff](Nicknames& later) {
        later.SendRelease(request, done, std::min(backoff * 2, kLastBackoff));
      });
    });
  });
}

}  // namespace gischat::edge::clients
