#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <thread>

namespace gischat::tests {

// An io_context that one thread runs, from construction to Stop(). Declare it before whatever uses
// the loop, and stop it before that is destroyed.
class LoopThread {
 public:
  LoopThread() : work_(loop_.get_executor()), thread_([this] { loop_.run(); }) {}
  ~LoopThread() { Stop(); }

  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  void Stop() {
    loop_.stop();
    if (thread_.joinable()) thread_.join();
  }
  boost::asio::io_context& loop() { return loop_; }

 private:
  boost::asio::io_context loop_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread thread_;
};

}  // namespace gischat::tests
