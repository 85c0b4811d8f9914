#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace gischat::tests {

// Runs the loop on the calling thread until a condition holds. False when it does not within
// `patience`.
template <typename Condition>
bool RunUntil(boost::asio::io_context& loop, Condition holds,
              absl::Duration patience = absl::Seconds(20)) {
  const absl::Time deadline = absl::Now() + patience;
  while (!holds()) {
    if (absl::Now() >= deadline) return false;
    if (loop.stopped()) loop.restart();
    if (loop.run_one_for(std::chrono::milliseconds(20)) == 0) absl::SleepFor(absl::Milliseconds(1));
  }
  return true;
}

// Runs everything that is ready, and what that makes ready, without waiting for anything.
inline void Settle(boost::asio::io_context& loop) {
  do {
    if (loop.stopped()) loop.restart();
  } while (loop.poll() > 0);
}

// Runs the loop for so long: for tests that something does not happen before a timer is due.
inline void RunFor(boost::asio::io_context& loop, std::chrono::milliseconds time) {
  if (loop.stopped()) loop.restart();
  loop.run_for(time);
}

}  // namespace gischat::tests
