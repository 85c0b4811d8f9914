#include "tests/bench/load/join_storm.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gischat::bench {

JoinStorm::JoinStorm(const Options& options, const std::vector<size_t>& people, size_t first_member,
                     size_t handshakes, const Roll& roll, Crowd& crowd)
    : options_(options),
      people_(people),
      first_member_(first_member),
      most_(handshakes),
      roll_(roll),
      crowd_(crowd),
      joins_(people.size() - first_member) {}

void JoinStorm::Begin(int64_t start_ns) {
  begun_ = true;
  start_ns_ = start_ns;
  last_progress_ns_ = start_ns;
}

int64_t JoinStorm::DueOf(size_t join) const {
  if (options_.join_rate == 0) return start_ns_;
  const auto number = static_cast<double>(people_[first_member_ + join] - options_.clients);
  return start_ns_ + std::llround(number / options_.join_rate * 1e9);
}

int64_t JoinStorm::NextDue() const {
  return may_start() ? DueOf(started_) : std::numeric_limits<int64_t>::max();
}

void JoinStorm::StartWhoIsDue() {
  while (may_start()) {
    const int64_t now = MonotonicNs();
    const int64_t due = DueOf(started_);
    if (due > now) return;
    if (tally_.joins_from_ns == 0) tally_.joins_from_ns = now;
    joins_[started_].since_ns = options_.join_rate == 0 ? now : due;
    crowd_.Enter(first_member_ + started_++);
  }
}

void JoinStorm::Entered(size_t member) {
  if (!crowd_.at(member).open()) {
    return Fail(member, absl::StrCat(crowd_.at(member).failure().message()));
  }
  if (options_.newcomers) crowd_.Say(member, roll_.Newcomer(people_[member]));
}

void JoinStorm::ToldCount(size_t member) {
  if (!options_.newcomers) Finish(member);
}

void JoinStorm::HeardOwnName(size_t member) { Finish(member); }

void JoinStorm::Refused(size_t member, std::string_view reason) {
  Fail(member, std::string(reason));
}

void JoinStorm::Finish(size_t member) {
  Join& join = joins_[member - first_member_];
  if (std::exchange(join.over, true)) return;
  ++over_;
  ++tally_.joined;
  last_progress_ns_ = MonotonicNs();
  tally_.joins_until_ns = std::max(tally_.joins_until_ns, crowd_.now_ns());
  tally_.join_ns.Add(crowd_.now_ns() - join.since_ns);
}

void JoinStorm::Fail(size_t member, std::string why) {
  Join& join = joins_[member - first_member_];
  if (std::exchange(join.over, true)) return;
  ++over_;
  ++tally_.join_failures;
  if (tally_.first_join_failure.empty()) tally_.first_join_failure = std::move(why);
}

void JoinStorm::Settle(Tally& tally) const {
  tally.Add(tally_);
  const size_t waiting = joins_.size() - over_;
  tally.join_failures += waiting;
  if (waiting > 0 && tally.first_join_failure.empty()) tally.first_join_failure = "never done";
}

}  // namespace gischat::bench
