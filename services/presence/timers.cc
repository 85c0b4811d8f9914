#include "services/presence/timers.h"

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <utility>

namespace gischat::presence {

void LoopTimers::After(absl::Duration delay, absl::AnyInvocable<void()> what) {
  auto timer = std::make_unique<boost::asio::steady_timer>(loop_, absl::ToChronoNanoseconds(delay));
  auto& waiting = *timer;
  waiting.async_wait([timer = std::move(timer),
                      what = std::move(what)](const boost::system::error_code& error) mutable {
    if (!error) what();
  });
}

}  // namespace gischat::presence
