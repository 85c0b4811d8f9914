#include "edge/hub/channel_members.h"

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
  if (has_window_ && snapshot.place.epoch == place_.epoch) {
    for (const Happening& happening : snapshot.happenings) {
      if (happening.place.offset > place_.offset) unseen.push_back(happening);
    }
  }
  window_.assign(snapshot.happenings.begin(), snapshot.happenings.end());
  window_limit_ = snapshot.history_limit;
  place_ = snapshot.place;
  has_window_ = true;
  TrimWindow();
  return unseen;
}

bool ChannelMembers::Advance(const Happening& happening) {
  if (happening.place.epoch == place_.epoch && happening.place.offset <= place_.offset)
    return false;
  place_ = happening.place;
  if (happening.stored) {
    window_.push_back(happening);
    TrimWindow();
  }
  return true;
}

void ChannelMembers::TrimWindow() {
  while (window_.size() > window_limit_) window_.pop_front();
}

}  // namespace gischat::edge::hub
