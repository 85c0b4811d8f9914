#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "edge/hub/hub.h"
#include "edge/net/end_of_turn.h"
#include "edge/net/queued_socket.h"
#include "edge/session/keepalive.h"
#include "edge/session/reviewer.h"
#include "edge/session/session.h"
#include "edge/session/traffic.h"
#include "edge/settings/settings.h"

namespace gischat::edge {

namespace http {
class Admission;
class Handlers;
class TrustedProxies;
struct Upgrade;
}  // namespace http

// One io thread and everything that lives on it: an io_context, a hub, the connections that the
// kernel gave to its acceptor.
class Worker {
 public:
  // What the workers share. Everything outlives them.
  struct Shared {
    const Settings& settings;
    clients::ModerationClient& moderation;
    clients::Publisher& publisher;
    clients::Lease& lease;
    session::EdgeMetrics& metrics;
    http::Handlers& handlers;
    http::Admission& admission;
    const http::TrustedProxies& proxies;
  };

  // `alive` is given to every session. `number`: the worker's, to keep its connection ids apart
  // from those of the others.
  Worker(uint64_t number, Shared shared, std::shared_ptr<void> alive);
  ~Worker();  // as Stop()

  boost::asio::io_context& context() { return context_; }

  void Start();

  // A new connection. On the worker's thread.
  void Serve(net::Socket socket);

  // Hands updates to the hub, together with those that come before the thread takes them.
  // Thread-safe.
  void Apply(hub::Updates updates);

  // Closes every WebSocket with 1001, evenly spread over `time` so that those who come back do not
  // come all at once. Thread-safe.
  void SendAway(absl::Duration time);

  // Ends the thread; what is still open is closed without a word.
  void Stop();

 private:
  void LetIn(http::Upgrade upgrade);
  void EndTurn();
  void ApplyArrived();
  void ApplyNow();
  bool AwaitsMore();
  void SendDueAway();

  const uint64_t number_;
  Shared shared_;
  std::shared_ptr<void> alive_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  hub::Hub hub_;
  session::Reviewer reviewer_;
  net::EndOfTurn end_of_turn_;
  session::Traffic traffic_{.end_of_turn = end_of_turn_};
  net::Timer linger_timer_;
  bool lingering_ = false;  // what has arrived waits for more
  session::Keepalive keepalive_;
  net::Timer drain_timer_;
  uint64_t connections_ = 0;  // so far
  bool away_ = false;         // nobody is let in any more
  absl::Time drain_began_;
  absl::Duration drain_time_;
  size_t drain_size_ = 0;  // connections when it began
  std::mutex mutex_;
  std::vector<hub::Updates> arrived_;  // guarded by mutex_; not in the hub yet
  bool told_ = false;                  // guarded by mutex_; the thread will look at them
  std::thread thread_;
};

}  // namespace gischat::edge
