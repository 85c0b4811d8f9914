#pragma once

#include <mutex>

#include "absl/time/time.h"
#include "common/base/clock.h"

namespace gischat::tests {

// A clock that stands still until it is told otherwise. Thread-safe.
class ManualClock : public base::Clock {
 public:
  explicit ManualClock(absl::Time now = absl::FromUnixSeconds(1'700'000'000)) : now_(now) {}

  absl::Time Now() const override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  void Advance(absl::Duration duration) {
    const std::lock_guard lock(mutex_);
    now_ += duration;
  }

 private:
  mutable std::mutex mutex_;
  absl::Time now_;
};

}  // namespace gischat::tests
