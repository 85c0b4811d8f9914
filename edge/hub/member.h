#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "edge/codec/api.h"
#include "edge/codec/frame.h"

namespace gischat::edge::hub {

class ChannelMembers;

// How many connections a channel has; of two counts the one with the higher revision is the newer.
struct Count {
  uint64_t connections = 0;
  uint64_t revision = 0;
};

// A client as the hub sees it. Belongs to the hub's thread. The hub keeps its place in the member
// itself, so that joining and leaving cost the same in a channel of ten and of ten thousand.
class Member {
 public:
  Member() = default;
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;

  // Queues one whole frame, or several in a row. Must not leave the hub before it returns.
  virtual void Queue(const codec::SharedBytes& frame) = 0;
  // Queues a frame of the replay, which counts against no bound.
  virtual void QueueReplay(const codec::SharedBytes& frame) = 0;
  // Sends what is queued. Called once after a batch in which something was queued.
  virtual void Flush() = 0;
  // Both in one, for what most clients get: what the network takes at once need not be queued.
  virtual void Show(const std::vector<codec::SharedBytes>& frames) {
    for (const codec::SharedBytes& frame : frames) Queue(frame);
    Flush();
  }

  codec::Shape shape = codec::Shape::kChannels;
  bool inflates = false;  // takes compressed frames
  std::string nickname;   // registered in the channel; empty: none
  // The nickname that it claims, while the answer is not there: it may be overtaken by the newcomer
  // that the channel hears.
  std::string claimed_nickname;

 protected:
  ~Member() = default;

 private:
  friend class Hub;
  friend class ChannelMembers;

  ChannelMembers* channel_ = nullptr;
  size_t index_ = 0;          // in channel_'s list
  bool needs_flush_ = false;  // stands in the hub's list of those to flush
  bool was_told_count_ = false;
  Count told_;  // the last count that the client was told
};

}  // namespace gischat::edge::hub
