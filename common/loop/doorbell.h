#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

namespace gischat::loop {

// Has an event loop do something soon, when threads ask for it that are not the loop's. An
// io_context has post() for that, but wakes its thread up while it holds a lock: on a busy core the
// woken thread runs at once, and into that lock, so that both change places twice more. Linux
// only (eventfd). The loop outlives the doorbell.
class Doorbell {
 public:
  // `answer` is called on the loop at least once after each Ring(), never twice at a time. It may
  // be under way while the doorbell goes, or come once more after that, unless this happens on the
  // loop or when the loop has stopped. std::system_error when there is no file descriptor left.
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
