#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <memory>
#include <utility>

namespace gischat::loop {

// Runs `work` on the loop's thread and returns when it is done; at once when this is that thread,
// or when the loop is stopped. A loop that nobody runs and nobody stopped is waited for.
template <typename Work>
void RunOnLoop(boost::asio::io_context& loop, Work work) {
  if (loop.stopped() || loop.get_executor().running_in_this_thread()) return work();
  auto done = std::make_shared<std::promise<void>>();
  boost::asio::post(loop, [done, &work] {
    work();
    done->set_value();
  });
  done->get_future().wait();
}

}  // namespace gischat::loop
