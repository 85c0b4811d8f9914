#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>

namespace gischat::process {

// Gives memory back that a burst has left behind. The allocator keeps what was freed in the middle
// of its arenas for ever: calls that had waited for a process that hung, and were dealt with all at
// once, may cost hundreds of megabytes. When more than `spare` is resident and not in use for a
// whole interval, what is free goes back to the system. One per process. Confined to the loop.
class Heap {
 public:
  static constexpr std::chrono::seconds kInterval{10};
  static constexpr size_t kSpare = 48 << 20;  // code and stacks are part of it

  // Limits the arenas of the allocator to one for each core, where it would take eight, and turns
  // its fast bins off: the buffers of gRPC are so large that nearly each of them made it join all
  // blocks there, only to find them scattered again. The caches of threads remain. The loop
  // outlives the heap.
  explicit Heap(boost::asio::io_context& loop, std::chrono::milliseconds interval = kInterval,
                size_t spare = kSpare);

  void Start();

 private:
  void Look();

  const std::chrono::milliseconds interval_;
  const size_t spare_;
  boost::asio::steady_timer timer_;
  size_t unused_ = 0;  // bytes that were resident and not in use when it looked last
};

}  // namespace gischat::process
