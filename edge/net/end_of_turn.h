#pragma once

#include <boost/asio/post.hpp>
#include <functional>
#include <utility>

#include "edge/net/queued_socket.h"

namespace gischat::edge::net {

// Something that is done once at the end of a turn of an event loop, however often it was asked for
// during the turn: when every handler that was ready by then has run. What many sockets have
// brought in one turn can so go on together. Confined to the loop's thread; outlives the loop's
// last run.
class EndOfTurn {
 public:
  EndOfTurn(Executor executor, std::function<void()> action)
      : executor_(executor), action_(std::move(action)) {}

  EndOfTurn(const EndOfTurn&) = delete;
  EndOfTurn& operator=(const EndOfTurn&) = delete;

  void Request() {
    if (std::exchange(requested_, true)) return;
    boost::asio::post(executor_, [this] {
      requested_ = false;
      action_();
    });
  }

 private:
  const Executor executor_;
  const std::function<void()> action_;
  bool requested_ = false;
};

}  // namespace gischat::edge::net
