#pragma once

#include <memory>
#include <utility>

#include "edge/net/queued_socket.h"

namespace gischat::edge::session {

// Calls `action` after `wait` on the executor's thread, or when the timer that it returns is
// cancelled.
template <typename Duration, typename Action>
std::weak_ptr<net::Timer> After(net::Executor executor, Duration wait, Action action) {
  auto timer = std::make_shared<net::Timer>(executor);
  timer->expires_after(wait);
  timer->async_wait(net::WithExactMemory(
      [timer, action = std::move(action)](boost::system::error_code) mutable { action(); }));
  return timer;
}

}  // namespace gischat::edge::session
