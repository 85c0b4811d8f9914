#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <utility>

#include "absl/time/time.h"

namespace gischat::edge::clients {

// What an object has still to do on its loop: kept alive by it, and spared it once it has ended.
// Actions get the object as `Owner&`, on the loop's thread.
template <typename Owner>
class LoopTasks : public std::enable_shared_from_this<Owner> {
 public:
  // As soon as the loop comes to it. Thread-safe.
  template <typename Action>
  void Post(Action action) {
    boost::asio::post(loop_,
                      [self = this->shared_from_this(), action = std::move(action)]() mutable {
                        if (!self->ended_) action(*self);
                      });
  }

  // After a time. On the loop's thread.
  template <typename Action>
  void After(absl::Duration wait, Action action) {
    auto timer = std::make_shared<boost::asio::steady_timer>(loop_);
    timer->expires_after(absl::ToChronoMilliseconds(wait));
    timer->async_wait([self = this->shared_from_this(), timer,
                       action = std::move(action)](boost::system::error_code error) mutable {
      if (!error && !self->ended_) action(*self);
    });
  }

 protected:
  explicit LoopTasks(boost::asio::io_context& loop) : loop_(loop) {}

  boost::asio::io_context& loop_;
  bool ended_ = false;  // the loop's
};

}  // namespace gischat::edge::clients
