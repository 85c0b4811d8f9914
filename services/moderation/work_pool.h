#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"

namespace gischat::moderation {

// A few threads of low priority for work that takes long, and a bounded queue in front of them.
// First come, first served. Thread-safe.
//
//   WorkPool pool({.threads = 1}, base::SystemClock());
//   absl::StatusOr<WorkPool::Ticket> ticket = pool.Submit(bytes, [](absl::Status status) {
//     if (!status.ok()) return Answer(status);  // dropped while it waited
//     ...
//   });
class WorkPool {
 public:
  struct Bounds {
    size_t threads = 1;
    size_t waiting = 64;                       // pieces of work
    size_t waiting_bytes = size_t{256} << 20;  // sum of what Submit was told
    absl::Duration wait = absl::Seconds(30);   // of one piece of work
    int niceness = 10;  // of the threads, above that of the process: others get the CPU first
  };

  // Called exactly once: with OK on a thread of the pool, to do the work; or with an error, because
  // the work was dropped while it waited: kCancelled (Cancel), kResourceExhausted (waited too long)
  // or kUnavailable (the pool ends).
  using Work = absl::AnyInvocable<void(absl::Status)>;
  using Ticket = uint64_t;

  // The threads start here.
  WorkPool(const Bounds& bounds, const base::Clock& clock);

  // Drops what waits, and returns when what runs has ended.
  ~WorkPool();

  WorkPool(const WorkPool&) = delete;
  WorkPool& operator=(const WorkPool&) = delete;

  // Takes a piece of work that holds `bytes` while it waits. kResourceExhausted when the queue is
  // full; then `work` is never called.
  absl::StatusOr<Ticket> Submit(size_t bytes, Work work);

  // Drops a piece of work that still waits, calling it before this returns. False when there is
  // nothing to drop any more.
  bool Cancel(Ticket ticket);

 private:
  struct Entry {
    Ticket ticket = 0;
    size_t bytes = 0;
    absl::Time since;
    Work work;
  };

  void Run();
  bool IsFullFor(size_t bytes) const;
  Entry TakeOut(std::list<Entry>::iterator entry);

  const Bounds bounds_;
  const base::Clock& clock_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::list<Entry> waiting_;  // guarded by mutex_, as all below
  size_t waiting_bytes_ = 0;
  Ticket last_ticket_ = 0;
  bool ending_ = false;

  std::vector<std::thread> threads_;
};

}  // namespace gischat::moderation
