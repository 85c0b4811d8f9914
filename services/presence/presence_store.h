#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/callback.h"

namespace gischat::presence {

// For so long a claim that was given back can't be made by a late repetition of itself.
inline constexpr absl::Duration kWithdrawnFor = absl::Seconds(60);

// How many connections a channel has. Of two counts the one with the higher revision is the newer.
struct Count {
  uint64_t connections = 0;
  uint64_t revision = 0;
};

// A lease's absolute number of connections in a channel.
struct HoldingReport {
  std::string channel;
  std::string lease;
  uint64_t sequence = 0;  // a report not above the last one of the lease renews, but counts not
  uint64_t connections = 0;
  bool announce = false;  // create the lease in this channel when it is not there
};
struct ReportOutcome {
  bool known = false;  // false: the lease is not there and was not to be created; nothing changed
  Count count;
};

struct Claim {
  std::string channel;
  std::string lease;
  uint64_t connection = 0;
  std::string request_id;
  std::string nickname;
  std::string previous_nickname;  // empty: none
  std::string newcomer_event;     // payload published when the claim wins
  std::string exiter_event;       // payload published before it, when previous_nickname was held
};
enum class ClaimOutcome { kRegistered, kTaken, kLeaseUnknown };

struct Release {
  std::string channel;
  std::string lease;
  uint64_t connection = 0;
  std::string nickname;
  std::string request_id = {};  // of the claim that is given back; empty: whatever claim it was
  std::string exiter_event;     // payload published when the nickname was held
};

// What a lease holds in a channel.
struct Holding {
  std::string lease;
  std::vector<std::string> nicknames;
};

struct Eviction {
  std::string channel;
  std::string lease;
  bool only_if_expired = true;
  struct Exit {
    std::string nickname;
    std::string exiter_event;  // payload
  };
  std::vector<Exit> exits;  // every nickname of the holding
};

struct CountAnnouncement {
  std::string channel;
  Count count;
  std::string event;        // payload: the nb_users message of `count`
  absl::Duration interval;  // at most one announcement per interval and channel
};
struct Announcement {
  bool published = false;   // by this very call
  absl::Duration retry_in;  // zero: nothing more to do; else try again then, with the count of then
};

// Leases, connections and nicknames of every channel. A lease that has run out counts until it is
// evicted, and a report renews it until then. Each call is one atomic step, in which the
// events that it causes are published into the channel too, not stored; newcomer and exiter with the
// claim as publisher ("newcomer <lease> <request id>"), so that what the store loses in a failover
// and says again can be told from news.
// Thread-safe. Errors: kUnavailable when the store can't be reached or did not answer in time, in
// which case the outcome is unknown; kResourceExhausted when it is full: nothing was done. Every
// call may be repeated.
class PresenceStore {
 public:
  virtual ~PresenceStore() = default;

  // Sets the count of a lease in a channel and renews the lease there, for its time to live.
  virtual void Report(HoldingReport report, base::Callback<ReportOutcome> done) = 0;

  // Claims a nickname. A repeated request_id of the holder gets kRegistered again, silently. A
  // claim that comes late, after its name was given back (a replica hung; another one did the work
  // meanwhile), gets kTaken: else the name would stay with a connection that does not want it.
  virtual void Register(Claim claim, base::Callback<ClaimOutcome> done) = 0;

  // Gives a nickname back. False: this connection did not hold it by that claim (it may by a newer
  // one); the claim, or any that it made for that name, counts as withdrawn if still under way.
  virtual void Unregister(Release release, base::Callback<bool> done) = 0;

  // Nicknames in order of registration.
  virtual void ListUsers(std::string channel, base::Callback<std::vector<std::string>> done) = 0;

  virtual void CountConnections(std::string channel, base::Callback<Count> done) = 0;

  // Publishes a count, unless this or a newer one was published already, it is zero and none was
  // published ever, or the last one is younger than the interval. The same number in a row is
  // published again: who joined in between was told another one on its own.
  virtual void AnnounceCount(CountAnnouncement announcement, base::Callback<Announcement> done) = 0;

  // Leases of the channel whose time has run out, or that were ended while they held nicknames that
  // the eviction did not name; nicknames in order of registration.
  virtual void FindExpired(std::string channel, base::Callback<std::vector<Holding>> done) = 0;

  // What a lease holds; an empty holding when it is not there.
  virtual void FindHolding(std::string channel, std::string lease,
                           base::Callback<Holding> done) = 0;

  // Ends a lease in a channel and frees the nicknames named, at once, or in several steps of which
  // the first ends the lease. False: it was not there, or has been renewed, or was ended before.
  virtual void Evict(Eviction eviction, base::Callback<bool> done) = 0;
};

}  // namespace gischat::presence
