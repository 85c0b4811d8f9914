#pragma once

#include "absl/time/time.h"

namespace gischat::base {

// Tells the time. Thread-safe. Passed to whatever looks at the wall clock, so that tests can set it.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
};

// The clock of the operating system. Lives for ever.
const Clock& SystemClock();

}  // namespace gischat::base
