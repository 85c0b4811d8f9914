#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace gischat::edge::net {

// How many of something may come per second; as many may come at once. Immutable.
//
// The token buckets below are one number each: the moment when the bucket will be full again. What
// is taken out moves it into the future, and a bucket that needs a second to be full is empty.
class Rate {
 public:
  using Clock = std::chrono::steady_clock;

  // 0: any number.
  explicit Rate(uint32_t per_second)
      : per_second_(per_second), interval_(per_second == 0 ? 0 : kSecond / per_second) {}

  uint32_t per_second() const { return per_second_; }

  // Takes one out of a bucket. False, with the bucket left as it is, when it is empty.
  bool Take(int64_t* full_at, Clock::time_point now) const {
    if (interval_ == 0) return true;
    const int64_t time = std::chrono::nanoseconds{now.time_since_epoch()}.count();
    const int64_t later = std::max(*full_at, time) + interval_;
    if (later - time > kSecond) return false;
    *full_at = later;
    return true;
  }

 private:
  static constexpr int64_t kSecond = 1'000'000'000;  // all times are nanoseconds

  uint32_t per_second_;
  int64_t interval_;
};

// A token bucket that is full at first. Not thread-safe.
class Bucket {
 public:
  explicit Bucket(Rate rate) : rate_(rate) {}
  const Rate& rate() const { return rate_; }
  bool Take(Rate::Clock::time_point now) { return rate_.Take(&full_at_, now); }

 private:
  Rate rate_;
  int64_t full_at_ = 0;
};

// The same for several threads, without a lock.
class SharedBucket {
 public:
  explicit SharedBucket(Rate rate) : per_second_(rate.per_second()) {}
  Rate rate() const { return Rate(per_second_.load(std::memory_order_relaxed)); }
  // From now on it fills at another rate.
  void Change(Rate rate) { per_second_.store(rate.per_second(), std::memory_order_relaxed); }
  bool Take(Rate::Clock::time_point now) {
    const Rate current = rate();
    int64_t before = full_at_.load(std::memory_order_relaxed);
    int64_t after = before;
    do {
      after = before;
      if (!current.Take(&after, now)) return false;
    } while (!full_at_.compare_exchange_weak(before, after, std::memory_order_relaxed));
    return true;
  }

 private:
  std::atomic<uint32_t> per_second_;
  std::atomic<int64_t> full_at_ = 0;
};

}  // namespace gischat::edge::net
