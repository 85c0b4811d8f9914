#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

namespace gischat::loop {

// Has an event loop do something soon, when threads ask for it that are not the loop's. An
// io_context has post() for that, but wakes its thread up while it holds a lock: on a busy core the
// woken thread runs at once, and into that lock, so that both change places twice more. On the
// loop's own thread post() is cheaper. Linux only (eventfd).
//
// Not in order with what is posted. Counts as work: the loop does not run out of it while there is
// a doorbell. The loop outlives it.
class Doorbell {
 public:
  // `answer` is called on the loop at least once after each Ring(), never twice at a time. It may
  // be under way while the doorbell goes, or come once more after that, unless this happens on the
  // loop or when the loop has stopped. std::system_error when the system has no file
  // descriptor left, or no room to watch one.
  Doorbell(boost::asio::io_context& loop, std::function<void()> answer);
  ~Doorbell();

  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;

  // Thread-safe, and costs a system call: whoever rings often knows whether it has rung already.
  void Ring();

 private:
  class Bell;

  const std::shared_ptr<Bell> bell_;
};

}  // namespace gischat::loop
