#include "tests/bench/load/poller.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <limits>

namespace gischat::bench {
namespace {

constexpr size_t kTimerIndex = std::numeric_limits<size_t>::max();
constexpr int64_t kNsPerSecond = 1'000'000'000;

}  // namespace

int64_t MonotonicNs() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

Poller::Poller()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
  Add(timer_, kTimerIndex, false);
}

Poller::~Poller() {
  ::close(timer_);
  ::close(epoll_);
}

void Poller::Add(int fd, size_t index, bool writes) { Control(EPOLL_CTL_ADD, fd, index, writes); }

void Poller::WatchWrites(int fd, size_t index, bool watch) {
  Control(EPOLL_CTL_MOD, fd, index, watch);
}

void Poller::Remove(int fd) { ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr); }

void Poller::Control(int operation, int fd, size_t index, bool writes) const {
  epoll_event event{};
  event.events = EPOLLIN;
  if (writes) event.events |= EPOLLOUT;
  event.data.u64 = index;
  ::epoll_ctl(epoll_, operation, fd, &event);
}

void Poller::Wait(int64_t until_ns, const std::function<void(size_t, bool, bool)>& report) {
  SetTimer(until_ns);
  std::array<epoll_event, 512> events;
  const int count = ::epoll_wait(epoll_, events.data(), events.size(), -1);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    if (event.data.u64 == kTimerIndex) continue;
    report(event.data.u64, (event.events & ~static_cast<uint32_t>(EPOLLOUT)) != 0,
           (event.events & EPOLLOUT) != 0);
  }
}

// epoll's own timeout counts whole milliseconds, too coarse for an open loop.
void Poller::SetTimer(int64_t until_ns) {
  if (until_ns == timer_set_to_) return;
  timer_set_to_ = until_ns;
  itimerspec when{};
  when.it_value.tv_sec = until_ns / kNsPerSecond;
  when.it_value.tv_nsec = std::max<int64_t>(until_ns % kNsPerSecond, 1);
  ::timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr);
}

}  // namespace gischat::bench
