#pragma once

#include <boost/asio/io_context.hpp>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"

namespace gischat::presence {

// Calls things later. Thread-safe.
class Timers {
 public:
  virtual ~Timers() = default;

  // Calls `what` once after `delay`, in no caller's stack frame; never, when the timers end first.
  virtual void After(absl::Duration delay, absl::AnyInvocable<void()> what) = 0;
};

// Timers of an event loop, which outlives them: calls come on its threads.
class LoopTimers final : public Timers {
 public:
  explicit LoopTimers(boost::asio::io_context& loop) : loop_(loop) {}
  void After(absl::Duration delay, absl::AnyInvocable<void()> what) override;

 private:
  boost::asio::io_context& loop_;
};

}  // namespace gischat::presence
