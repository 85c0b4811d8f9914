#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <memory>
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

  // Nothing runs on the loop from now on, until what is returned goes.
  std::shared_ptr<void> Block() {
    const auto begun = std::make_shared<std::promise<void>>();
    const auto over = std::make_shared<std::promise<void>>();
    boost::asio::post(loop_, [begun, ended = over->get_future().share()] {
      begun->set_value();
      ended.wait();
    });
    begun->get_future().wait();
    return {nullptr, [over](void*) { over->set_value(); }};
  }

 private:
  boost::asio::io_context loop_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread thread_;
};

}  // namespace gischat::tests
