#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "common/loop/doorbell.h"
#include "edge/hub/hub.h"
#include "edge/net/end_of_turn.h"
#include "edge/net/queued_socket.h"
#include "edge/session/keepalive.h"
#include "edge/session/reviewer.h"
#include "edge/session/session.h"
#include "edge/session/traffic.h"
#include "edge/settings/live_settings.h"

namespace gischat::edge {

namespace session {
class WebSocketConnection;
}
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
    const LiveSettings& settings;
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

  // Tells a count to those clients of a channel who were told an older one. Thread-safe.
  void TellCount(std::string channel, hub::Count count);

  // Serves a channel. `life` is kept by everything that goes on in it, `done` is let go when the
  // first client may come. Thread-safe, as what follows.
  void Open(std::string channel, std::shared_ptr<void> life, std::shared_ptr<void> done);
  // Closes every WebSocket of a channel with 1001, and lets its life go.
  void Close(std::string channel);
  // Of what is closed: nothing goes on in it any more.
  void Forget(std::string channel);
  // Other bounds for those who are connected.
  void SetMessageRate(net::Rate rate);

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

  // A channel on this thread, as long as something goes on in it: what its sessions keep.
  struct Room {
    std::shared_ptr<void> alive;
    std::shared_ptr<void> life;
  };

  void ForEach(const std::function<void(session::WebSocketConnection&)>& action);

  const uint64_t number_;
  Shared shared_;
  std::shared_ptr<void> alive_;
  std::map<std::string, std::shared_ptr<Room>> rooms_;  // of the channels that are open
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  hub::Hub hub_;
  net::EndOfTurn end_of_turn_;
  session::Traffic traffic_{.end_of_turn = end_of_turn_};
  session::Reviewer reviewer_;
  net::Timer linger_timer_;
  bool lingering_ = false;  // what has arrived waits for more
  session::Keepalive keepalive_;
  net::Timer drain_timer_;
  uint64_t connections_ = 0;  // so far
  bool away_ = false;         // nobody is let in any more
  absl::Time drain_began_;
  absl::Duration drain_time_;
  size_t drain_size_ = 0;  // connections when it began
  loop::Doorbell arrivals_{context_, [this] { ApplyArrived(); }};
  std::mutex mutex_;
  std::vector<hub::Updates> arrived_;  // guarded by mutex_; not in the hub yet
  bool told_ = false;                  // guarded by mutex_; the thread will look at them
  std::thread thread_;
};

}  // namespace gischat::edge
