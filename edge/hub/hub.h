#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "edge/hub/channel_members.h"
#include "edge/hub/compressor.h"
#include "edge/hub/delivery_observer.h"
#include "edge/hub/member.h"
#include "edge/hub/run.h"
#include "edge/hub/update.h"

namespace gischat::edge::hub {

// Hands what happens in the channels to the clients of one io thread. Every io thread has a hub of
// its own and sees the same updates in the same order; confined to that thread.
//
// For each client a batch costs an append of shared bytes and one Flush at its end, hardly more for
// many messages than for one. Who joins is shown the window of stored messages as it stands between
// two updates: nothing is missing or doubled between the replay and what follows.
class Hub {
 public:
  static constexpr size_t kCompressBytes = 1024;

  // Messages of `compress_bytes` and more are compressed for clients that inflate.
  Hub(const std::vector<std::string>& channels, DeliveryObserver& observer,
      size_t compress_bytes = kCompressBytes);

  // Whether one may join it.
  bool HasChannel(std::string_view channel) const;

  // A channel that comes later; its members wait for its first snapshot. One that was closed is
  // open again, as it is.
  void Open(const std::string& channel);
  // Nobody may join it any more. Who is in it goes on hearing it.
  void Close(std::string_view channel);
  // What is closed and empty is forgotten: its updates are not listened to any more.
  void Forget(std::string_view channel);

  // Takes a batch: everything in it is handed to a client together.
  void Apply(const std::vector<Updates>& batch);

  // Lets a client in. It is sent the stored messages and `count` (when that is known), in the order
  // of its API, followed by everything that happens from now on. The channel is there. `joined` is
  // called when that is queued: at once, or after the first snapshot of the channel has arrived.
  void Join(Member& member, std::string_view channel, const Count* count,
            std::function<void()> joined);

  // Tells one client a count, unless it was told the same number or a newer count already. Nobody
  // is told 0: who hears it is there.
  void TellCount(Member& member, const Count& count);
  // The same for everybody in a channel.
  void TellCount(std::string_view channel, const Count& count);

  // Takes a client out, wherever it stands. Harmless when it is not in.
  void Leave(Member& member);

  // Where a channel stands: everything up to there was handed to its members.
  Place place(std::string_view channel) const;

  size_t member_count() const { return member_count_; }

 private:
  struct Waiting {
    Member* member;
    bool has_count;
    Count count;
    std::function<void()> joined;
  };
  struct Channel {
    explicit Channel(std::string name) : members(std::move(name)) {}
    ChannelMembers members;
    std::vector<Waiting> waiting;  // for the first snapshot
    Run run;                       // of the batch that is being taken: not yet handed out
    bool closed = false;
  };

  std::vector<Waiting*> FindWaiting(const Member& member);
  void LetIn(Channel& channel, Waiting entrant);
  void Take(const ChannelUpdate& update);
  void Deliver(Channel& channel, const BroadcastPtr& broadcast);
  // `is_last`: nothing else is said in the channel before everybody is flushed.
  void EndRun(Channel& channel, bool is_last = false);
  void GrantNickname(ChannelMembers& channel, const Broadcast& broadcast);
  void DeliverCount(ChannelMembers& channel, const Broadcast& broadcast);
  void DeliverLike(ChannelMembers& channel, const Broadcast& broadcast);
  bool QueueCount(Member& member, const Count& count, const codec::SharedBytes& frame);
  void Queue(Member& member, const codec::SharedBytes& frame);
  void MarkForFlush(Member& member);
  void FlushAll();
  // For Broadcast and Run: what this member wants.
  const Compressor* CompressorFor(const Member& member) const {
    return member.inflates ? &compressor_ : nullptr;
  }

  std::map<std::string, Channel, std::less<>> channels_;
  std::vector<Channel*> open_runs_;
  std::vector<Member*> to_flush_;
  DeliveryObserver& observer_;
  const Compressor compressor_;
  size_t member_count_ = 0;
};

}  // namespace gischat::edge::hub
