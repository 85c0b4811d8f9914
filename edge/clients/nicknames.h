#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/random_id.h"
#include "edge/clients/backends.h"
#include "edge/clients/loop_tasks.h"

namespace gischat::edge::clients {

// What became of a nickname claim.
enum class ClaimOutcome { kRegistered, kTaken };

// A connection wants a nickname.
struct NicknameClaim {
  std::string channel;
  uint64_t connection = 0;  // unique in this process
  std::string nickname;
  std::string previous_nickname;  // held by the connection so far; empty: none
  trace::v1::Trace trace = {};    // of the message that claims it; request 0: not traced
  std::function<void(ClaimOutcome)> done;
  std::function<void()> on_lost;  // later: the nickname is not the connection's any more
};

// The nicknames that the connections of this edge hold in presence, and those that they claim. Both
// belong to a lease: while there is none claims wait, and under a new one everything that the old
// one held is claimed again.
//
// Confined to the loop's thread; callbacks run there, and may be dropped after Stop().
class Nicknames final : public LoopTasks<Nicknames> {
 public:
  // The loop and the client outlive it.
  Nicknames(boost::asio::io_context& loop, PresenceClient& presence);

  // Presence does not know the lease in the channel of a claim. Set before there is a lease.
  void OnLeaseUnknown(std::function<void()> callback) { on_lease_unknown_ = std::move(callback); }

  // Presence knows the lease in all channels.
  void BeginLease(std::string lease);
  // There is none any more.
  void EndLease() { lease_.clear(); }

  // As those of Lease.
  void Register(NicknameClaim claim);
  void Unregister(const std::string& channel, uint64_t connection, std::function<void()> done);
  void Verify(const std::string& channel);

  void Stop() { ended_ = true; }

 private:
  struct Key {
    std::string channel;
    uint64_t connection;
    // NOLINTNEXTLINE(modernize-use-nullptr): takes the comparison that this makes for a 0.
    auto operator<=>(const Key&) const = default;
  };
  struct Name {
    std::string nickname;
    std::string request_id;  // of the claim that won it
    std::function<void()> on_lost;
  };
  struct Released {
    absl::Time when;
    presence::v1::UnregisterRequest request;
  };
  struct Pending;
  using PendingPtr = std::shared_ptr<Pending>;

  void ClaimAgain(const Key& key, const Name& name);
  void Begin(NicknameClaim claim, bool again, std::string request_id = base::RandomUuid());
  void Send(const PendingPtr& pending);
  void SendLater(const PendingPtr& pending);
  void OnAnswer(const PendingPtr& pending,
                const absl::StatusOr<presence::v1::RegisterResponse>& answer);
  void OnOutcome(const PendingPtr& pending, bool registered);

  void Release(const Key& key, std::function<void()> done);
  presence::v1::UnregisterRequest ReleaseOf(const Key& key, const Name& name) const;
  void Remember(presence::v1::UnregisterRequest request);
  void SendRelease(presence::v1::UnregisterRequest request, std::function<void()> done,
                   absl::Duration backoff);

  PresenceClient& presence_;
  std::function<void()> on_lease_unknown_;
  std::string lease_;  // empty: none
  std::map<Key, Name> held_;
  std::map<Key, PendingPtr> claims_;
  std::deque<Released> released_;  // lately, oldest first
};

}  // namespace gischat::edge::clients
