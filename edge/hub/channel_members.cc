#include "edge/hub/channel_members.h"

#include <algorithm>

namespace gischat::edge::hub {

void ChannelMembers::Add(Member& member) {
  member.channel_ = this;
  member.index_ = members_.size();
  members_.push_back(&member);
}

void ChannelMembers::Remove(Member& member) {
  Member* last = members_.back();
  members_[member.index_] = last;
  last->index_ = member.index_;
  members_.pop_back();
  member.channel_ = nullptr;
}

std::vector<Happening> ChannelMembers::Restart(const ChannelUpdate& snapshot) {
  std::vector<Happening> unseen;
  for (const Happening& happening : snapshot.happenings) {
    const bool same_epoch = snapshot.place.epoch == place_.epoch;
    const bool seen = same_epoch ? happening.place.offset <= place_.offset : WasSeen(happening);
    if (has_window_ && !seen) unseen.push_back(happening);
    if (!seen) NoteSeen(happening);
  }
  window_.assign(snapshot.happenings.begin(), snapshot.happenings.end());
  window_limit_ = snapshot.history_limit;
  place_ = snapshot.place;
  has_window_ = true;
  TrimWindow();
  return unseen;
}

bool ChannelMembers::Advance(const Happening& happening) {
  const Place& place = happening.place;
  if (place.epoch == place_.epoch && place.offset <= place_.offset) return false;
  place_ = place;
  NoteSeen(happening);
  if (happening.stored) {
    window_.push_back(happening);
    TrimWindow();
  }
  return true;
}

void ChannelMembers::TrimWindow() {
  while (window_.size() > window_limit_) window_.pop_front();
}

void ChannelMembers::NoteSeen(const Happening& happening) {
  if (happening.token == 0) return;
  if (seen_.size() < kRememberedEvents) {
    seen_.push_back(happening.token);
    return;
  }
  seen_[next_seen_] = happening.token;
  next_seen_ = (next_seen_ + 1) % kRememberedEvents;
}

bool ChannelMembers::WasSeen(const Happening& happening) const {
  return std::find(seen_.begin(), seen_.end(), happening.token) != seen_.end();
}

}  // namespace gischat::edge::hub
