#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace gischat::bench {

// Nanoseconds of the monotonic clock, which all processes of a machine share.
int64_t MonotonicNs();

// Waits for many sockets at once, with timeouts finer than a millisecond. Not thread-safe.
class Poller {
 public:
  Poller();
  ~Poller();

  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  void Add(int fd, size_t index, bool writes);
  void WatchWrites(int fd, size_t index, bool watch);
  void Remove(int fd);

  // Waits until something happens or `until_ns`, and reports each socket by its index.
  void Wait(int64_t until_ns,
            const std::function<void(size_t index, bool readable, bool writable)>& report);

 private:
  void Control(int operation, int fd, size_t index, bool writes) const;
  void SetTimer(int64_t until_ns);

  int epoll_;
  int timer_;
  int64_t timer_set_to_ = 0;
};

}  // namespace gischat::bench
