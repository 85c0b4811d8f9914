#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <vector>

#include "edge/net/queued_socket.h"

namespace gischat::edge::session {

// A connection that wants to be looked after. Confined to its thread.
class Kept {
 public:
  // Its turn to be pinged, once per interval.
  virtual void OnPingDue(std::chrono::steady_clock::time_point now) = 0;
  // Once per tick while it is watched.
  virtual void OnWatched(std::chrono::steady_clock::time_point now) = 0;

 protected:
  ~Kept() = default;

 private:
  friend class Keepalive;
  size_t bucket_ = 0;
  size_t index_ = 0;
  size_t watch_ = 0;  // place among the watched, from 1; 0: not watched
};

// Pings every connection of one io thread once per interval with a single timer: connections are
// spread over the buckets of a wheel, one of which is served at each tick. The few whose socket
// takes nothing are watched, at every tick. Confined to the thread.
class Keepalive {
 public:
  Keepalive(boost::asio::io_context& context, std::chrono::seconds interval);

  void Start();
  void Stop();

  void Add(Kept& kept);
  // It is not watched any more either.
  void Remove(Kept& kept);

  // Both may be called again without an effect.
  void Watch(Kept& kept);
  void Unwatch(Kept& kept);

  size_t size() const { return size_; }

  // From now on whoever comes is to be sent away at once.
  void Close() { closed_ = true; }
  bool closed() const { return closed_; }
  // Calls `action` for `count` connections at most; it may remove the one that it is called with.
  void ForSome(size_t count, const std::function<void(Kept&)>& action);

 private:
  void Tick();

  net::Timer timer_;
  std::vector<std::vector<Kept*>> buckets_;  // one is served every kTick
  std::vector<Kept*> watched_;
  size_t next_ = 0;  // bucket of the next tick
  size_t fill_ = 0;  // bucket of the next connection
  size_t size_ = 0;
  bool closed_ = false;
};

}  // namespace gischat::edge::session
