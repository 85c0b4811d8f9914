#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "tests/bench/load/connection.h"
#include "tests/bench/load/poller.h"
#include "tests/bench/load/seating.h"

namespace gischat::bench {

// The connections of this process. Its members are numbered from 0, in the order of `people`, and
// are absent until they enter. Not thread-safe; callbacks may call everything but Wait().
class Crowd {
 public:
  struct Listener {
    std::function<void(size_t member)> entered;  // is open now, or failed to: at().failure()
    std::function<void(size_t member, std::string_view head)> heard;
  };

  Crowd(const Seating& seating, const std::vector<size_t>& people, Listener listener);

  // Wait() returns as well when this file is readable.
  void WatchAlso(int fd) { poller_.Add(fd, kOther, false); }

  void Enter(size_t member);
  size_t entering() const { return entering_; }  // handshakes under way

  // Sends a text: now, or when the member's event is dealt with.
  void Say(size_t member, std::string_view text);

  // Leaves what comes in the kernel's buffers.
  void StopReading(size_t member) { poller_.Remove(at(member).fd()); }

  // Waits until something happens or `until_ns`, and deals with it.
  void Wait(int64_t until_ns);

  size_t size() const { return members_.size(); }
  bool has_entered(size_t member) const { return members_[member] != nullptr; }
  bool is_open(size_t member) const { return has_entered(member) && at(member).open(); }
  const Connection& at(size_t member) const { return *members_[member]; }

  // When the bytes at hand were read.
  int64_t now_ns() const { return now_ns_; }

  uint64_t bytes_read() const;

 private:
  static constexpr size_t kOther = SIZE_MAX - 1;
  static constexpr size_t kNobody = SIZE_MAX;

  void OnEvent(size_t member, bool readable, bool writable);
  void WatchWrites(size_t member);

  const Seating& seating_;
  const std::vector<size_t> people_;
  const Listener listener_;
  Poller poller_;
  std::vector<std::unique_ptr<Connection>> members_;
  std::vector<bool> watches_writes_;
  size_t entering_ = 0;
  size_t busy_ = kNobody;  // whose event is being dealt with
  int64_t now_ns_ = 0;
};

}  // namespace gischat::bench
