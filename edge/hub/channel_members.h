#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "edge/hub/member.h"
#include "edge/hub/update.h"

namespace gischat::edge::hub {

// How many events a channel remembers, to tell in a new epoch what was seen before.
inline constexpr size_t kRememberedEvents = 10'000;

// One channel on one io thread: who is in it, and the window of stored messages that somebody who
// joins is shown. Confined to that thread.
class ChannelMembers {
 public:
  explicit ChannelMembers(std::string name) : name_(std::move(name)) {}

  const std::string& name() const { return name_; }
  bool has_window() const { return has_window_; }
  const Place& place() const { return place_; }  // of the last event
  const std::vector<Member*>& members() const { return members_; }
  const std::deque<Happening>& window() const { return window_; }

  void Add(Member& member);
  void Remove(Member& member);

  // Starts afresh from a snapshot; returns the events in it that the members have not seen, oldest
  // first: by their offsets, or in a new epoch, whose offsets tell nothing, by their tokens.
  std::vector<Happening> Restart(const ChannelUpdate& snapshot);

  // Takes the next event into the window. False when the members have seen it: it was there before,
  // or the store lost it and its publisher said it again, in a new epoch.
  bool Advance(const Happening& happening);

 private:
  void TrimWindow();
  void NoteSeen(const Happening& happening);
  bool WasSeen(const Happening& happening) const;
  bool IsInWindow(const Happening& happening) const;

  std::string name_;
  std::vector<Member*> members_;
  std::deque<Happening> window_;  // stored messages, oldest first
  Place place_;                   // of the last event
  uint32_t window_limit_ = 0;
  bool has_window_ = false;
  std::vector<uint64_t> seen_;  // tokens of the last events, as a ring
  size_t next_seen_ = 0;        // where the next one goes
  size_t doubtful_ = 0;         // events to come that may be repetitions, since the epoch is new
};

}  // namespace gischat::edge::hub
