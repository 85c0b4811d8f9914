#include "common/base/clock.h"

#include "absl/time/clock.h"

namespace gischat::base {
namespace {

class OperatingSystemClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
};

}  // namespace

const Clock& SystemClock() {
  static const OperatingSystemClock clock;
  return clock;
}

}  // namespace gischat::base
