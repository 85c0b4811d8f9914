#pragma once

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace gischat::tests {

// Waits for a condition to hold. False when it did not within `patience`.
//
//   ASSERT_TRUE(WaitUntil([&] { return client.ready(); }));
template <typename Condition>
bool WaitUntil(Condition holds, absl::Duration patience = absl::Seconds(10)) {
  const absl::Time deadline = absl::Now() + patience;
  while (!holds()) {
    if (absl::Now() >= deadline) return false;
    absl::SleepFor(absl::Milliseconds(1));
  }
  return true;
}

}  // namespace gischat::tests
