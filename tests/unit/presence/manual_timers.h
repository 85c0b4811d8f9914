#pragma once

#include <algorithm>
#include <map>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "services/presence/timers.h"
#include "tests/support/manual_clock.h"

namespace gischat::presence {

// Timers that run when told, together with the clock. For one thread.
class ManualTimers : public Timers {
 public:
  explicit ManualTimers(tests::ManualClock& clock) : clock_(clock) {}

  void After(absl::Duration delay, absl::AnyInvocable<void()> what) override {
    due_.emplace(clock_.Now() + delay, std::move(what));
  }

  // Lets time pass, and calls what comes due, each at its time.
  void Pass(absl::Duration duration) {
    const absl::Time end = clock_.Now() + duration;
    while (!due_.empty() && due_.begin()->first <= end) {
      auto next = due_.extract(due_.begin());
      clock_.Advance(std::max(absl::ZeroDuration(), next.key() - clock_.Now()));
      next.mapped()();
    }
    clock_.Advance(end - clock_.Now());
  }

 private:
  tests::ManualClock& clock_;
  std::multimap<absl::Time, absl::AnyInvocable<void()>> due_;
};

}  // namespace gischat::presence
