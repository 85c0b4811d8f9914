#include "tests/bench/load/crowd.h"

#include <utility>

namespace gischat::bench {

Crowd::Crowd(const Seating& seating, const std::vector<size_t>& people, Listener listener)
    : seating_(seating),
      people_(people),
      listener_(std::move(listener)),
      members_(people.size()),
      watches_writes_(people.size()) {}

void Crowd::Enter(size_t member) {
  const size_t person = people_[member];
  members_[member] = std::make_unique<Connection>(
      seating_.TargetOf(person), seating_.RouteOf(person),
      [this, member](std::string_view head) { listener_.heard(member, head); });
  if (!at(member).entering()) return listener_.entered(member);
  ++entering_;
  watches_writes_[member] = true;
  poller_.Add(at(member).fd(), member, true);
}

void Crowd::Say(size_t member, std::string_view text) {
  Connection& connection = *members_[member];
  connection.Say(text);
  if (member == busy_) return;
  connection.Flush();
  WatchWrites(member);
}

void Crowd::Wait(int64_t until_ns) {
  poller_.Wait(until_ns, [this](size_t member, bool readable, bool writable) {
    if (member != kOther) OnEvent(member, readable, writable);
  });
}

void Crowd::OnEvent(size_t member, bool readable, bool writable) {
  Connection& connection = *members_[member];
  if (connection.state() == Connection::State::kClosed) return;
  const bool was_entering = connection.entering();
  now_ns_ = MonotonicNs();
  busy_ = member;
  connection.OnEvent(readable, writable);
  busy_ = kNobody;
  WatchWrites(member);
  if (was_entering && !connection.entering()) {
    --entering_;
    listener_.entered(member);
  }
}

void Crowd::WatchWrites(size_t member) {
  const Connection& connection = at(member);
  if (connection.fd() < 0 || connection.wants_to_write() == watches_writes_[member]) return;
  watches_writes_[member] = connection.wants_to_write();
  poller_.WatchWrites(connection.fd(), member, watches_writes_[member]);
}

uint64_t Crowd::bytes_read() const {
  uint64_t bytes = 0;
  for (const auto& member : members_) bytes += member == nullptr ? 0 : member->bytes_read();
  return bytes;
}

}  // namespace gischat::bench
