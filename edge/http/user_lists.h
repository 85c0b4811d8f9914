#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/callback.h"
#include "edge/clients/backends.h"
#include "edge/hub/update.h"
#include "gischat/presence/v1/presence.pb.h"

namespace prometheus {
class Counter;
class Registry;
}  // namespace prometheus

namespace gischat::edge::http {

// The nicknames of each channel, as the JSON that GET …/users answers with. All clients of a
// channel ask at the same moment, whenever they hear a count; presence is asked once for them.
//
// A list is never older than what its asker may have seen: Apply() drops that of a channel in which
// a nickname came or went, and an answer that was on its way then is given only to those who had
// asked before. So let Apply() return before clients hear of the updates. For the time that no
// events come through, a list grows no older than kTimeToLive.
//
// Thread-safe; presence and callbacks are called with no lock held. The presence client outlives
// this object, and calls back no more when it goes.
class UserLists {
 public:
  using Clock = std::chrono::steady_clock;
  using Json = std::shared_ptr<const std::string>;

  // From the moment when presence was asked.
  static constexpr std::chrono::seconds kTimeToLive{1};

  UserLists(clients::PresenceClient& presence, const std::vector<std::string>& channels,
            prometheus::Registry& registry);
  ~UserLists();

  // A channel that comes later, and one that is not served any more. Thread-safe.
  void Add(const std::string& channel);
  void Remove(const std::string& channel);

  // The list of one of the channels; kNotFound for another. Fails as PresenceClient::ListUsers
  // does; errors are not kept.
  void Get(const std::string& channel, base::Callback<Json> done,
           Clock::time_point now = Clock::now());

  // What happened in the channels, in order. From one thread at a time.
  void Apply(const std::vector<hub::ChannelUpdate>& updates);

 private:
  struct Channel;

  using ChannelPtr = std::shared_ptr<Channel>;

  ChannelPtr Find(const std::string& name) const;
  void Ask(const ChannelPtr& channel);
  void TakeAnswer(const ChannelPtr& asked,
                  const absl::StatusOr<presence::v1::ListUsersResponse>& answer);

  clients::PresenceClient& presence_;
  mutable std::mutex mutex_;
  std::map<std::string, ChannelPtr> channels_;  // guarded by mutex_
  prometheus::Counter* kept_;                   // requests answered with what was there,
  prometheus::Counter* shared_;                 // with the answer to somebody else's question,
  prometheus::Counter* asked_;                  // and by asking presence
};

}  // namespace gischat::edge::http
