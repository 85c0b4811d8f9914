#include "services/moderation/work_pool.h"

#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace gischat::moderation {
namespace {

// On Linux each thread has a niceness of its own.
void LowerPriorityOfThisThread(int by) {
  errno = 0;
  const int now = ::getpriority(PRIO_PROCESS, 0);
  if (errno != 0 || ::setpriority(PRIO_PROCESS, 0, now + by) != 0) {
    spdlog::warn("moderation: can't lower the priority of a thread for images");
  }
}

}  // namespace

WorkPool::WorkPool(const Bounds& bounds, const base::Clock& clock)
    : bounds_(bounds), clock_(clock) {
  for (size_t i = 0; i < bounds_.threads; ++i) {
    threads_.emplace_back([this] {
      LowerPriorityOfThisThread(bounds_.niceness);
      Run();
    });
  }
}

WorkPool::~WorkPool() {
  std::list<Entry> dropped;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    dropped.swap(waiting_);
    waiting_bytes_ = 0;
  }
  wake_.notify_all();
  for (Entry& entry : dropped) entry.work(absl::UnavailableError("the service ends"));
  for (std::thread& thread : threads_) thread.join();
}

absl::StatusOr<WorkPool::Ticket> WorkPool::Submit(size_t bytes, Work work) {
  Ticket ticket = 0;
  {
    const std::lock_guard lock(mutex_);
    if (ending_) return absl::UnavailableError("the service ends");
    if (IsFullFor(bytes)) return absl::ResourceExhaustedError("too many images are waiting");
    ticket = ++last_ticket_;
    waiting_bytes_ += bytes;
    waiting_.push_back({ticket, bytes, clock_.Now(), std::move(work)});
  }
  wake_.notify_one();
  return ticket;
}

bool WorkPool::Cancel(Ticket ticket) {
  Entry dropped;
  {
    const std::lock_guard lock(mutex_);
    const auto entry = std::find_if(waiting_.begin(), waiting_.end(),
                                    [&](const Entry& each) { return each.ticket == ticket; });
    if (entry == waiting_.end()) return false;
    dropped = TakeOut(entry);
  }
  dropped.work(absl::CancelledError("nobody waits for the image any more"));
  return true;
}

void WorkPool::Run() {
  for (;;) {
    Entry next;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
      if (ending_) return;
      next = TakeOut(waiting_.begin());
    }
    const bool too_late = clock_.Now() - next.since > bounds_.wait;
    next.work(too_late ? absl::ResourceExhaustedError("the image has waited too long")
                       : absl::OkStatus());
  }
}

bool WorkPool::IsFullFor(size_t bytes) const {
  // A single piece may be larger than the bound; it waits alone.
  if (waiting_.empty()) return false;
  return waiting_.size() >= bounds_.waiting || waiting_bytes_ + bytes > bounds_.waiting_bytes;
}

WorkPool::Entry WorkPool::TakeOut(std::list<Entry>::iterator entry) {
  Entry taken = std::move(*entry);
  waiting_bytes_ -= taken.bytes;
  waiting_.erase(entry);
  return taken;
}

}  // namespace gischat::moderation
