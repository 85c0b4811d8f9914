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
  if (has_window_ && snapshot.place.epoch != place_.epoch) doubtful_ = kRememberedEvents;
  place_ = snapshot.place;
  has_window_ = true;
  TrimWindow();
  return unseen;
}

bool ChannelMembers::Advance(const Happening& happening) {
  const Place& place = happening.place;
  const bool same_epoch = place.epoch == place_.epoch;
  if (same_epoch && place.offset <= place_.offset) return false;
  if (!same_epoch) doubtful_ = kRememberedEvents;
  place_ = place;
  const bool seen = doubtful_ > 0 && WasSeen(happening);
  if (doubtful_ > 0) --doubtful_;
  if (!seen) NoteSeen(happening);
  if (happening.stored && !(seen && IsInWindow(happening))) {
    window_.push_back(happening);
    TrimWindow();
  }
  return !seen;
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

bool ChannelMembers::IsInWindow(const Happening& happening) const {
  return std::any_of(window_.begin(), window_.end(),
                     [&](const Happening& other) { return other.token == happening.token; });
}

}  // namespace gischat::edge::hub
