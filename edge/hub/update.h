#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "edge/hub/broadcast.h"

namespace gischat::edge::hub {

// Where an event stands in its channel; see gischat.fanout.v1.
struct Place {
  uint64_t epoch = 0;
  uint64_t offset = 0;
};

// One event of a channel.
struct Happening {
  Place place;
  bool stored = false;  // belongs in the history
  BroadcastPtr broadcast;
  uint64_t token = 0;  // stands for the publisher and its number; 0: a count
};

// One step in the life of a channel: its next event, or a fresh start from a snapshot.
struct ChannelUpdate {
  std::string channel;
  bool is_snapshot = false;
  Place place;                        // of the event, or of the snapshot
  std::vector<Happening> happenings;  // the event, or the history, oldest first
  uint32_t history_limit = 0;         // of a snapshot
};

// Steps in the order in which they happened. Immutable and shared by all io threads.
using Updates = std::shared_ptr<const std::vector<ChannelUpdate>>;

}  // namespace gischat::edge::hub
