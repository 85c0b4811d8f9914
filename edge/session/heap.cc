#include "edge/session/heap.h"

#include <malloc.h>

#include <atomic>
#include <chrono>

namespace gischat::edge::session {

void TrimHeap() {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kLeastPause(250);
  // Of the process, like the heap.
  static std::atomic<Clock::duration> last = Clock::duration::zero();
  const Clock::duration now = Clock::now().time_since_epoch();
  Clock::duration before = last.load();
  if (now - before < kLeastPause || !last.compare_exchange_strong(before, now)) return;
  malloc_trim(0);
}

}  // namespace gischat::edge::session
