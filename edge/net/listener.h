#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "edge/net/queued_socket.h"

namespace gischat::edge::net {

// One acceptor per io thread on the same port (SO_REUSEPORT): the kernel spreads new connections
// over the threads, and a connection never changes its thread.
class Listener {
 public:
  // Takes the port on every context. kUnavailable with address and port when it is taken:
  // SO_REUSEPORT alone would share it silently with another process, so it is probed first. Port 0
  // picks a free one. kInvalidArgument when the address is none.
  static absl::StatusOr<std::unique_ptr<Listener>> Open(
      const std::string& address, uint16_t port,
      const std::vector<boost::asio::io_context*>& contexts);

  // The port in use.
  uint16_t port() const { return port_; }

  // Begins to accept. `on_connection(i, socket)` is called on the thread of context i.
  void Start(std::function<void(size_t, Socket)> on_connection);

  // Accepts nothing more; what the kernel has accepted meanwhile is reset. Thread-safe.
  void Stop();

 private:
  struct Acceptor;

  Listener() = default;

  uint16_t port_ = 0;
  std::vector<std::shared_ptr<Acceptor>> acceptors_;
};

}  // namespace gischat::edge::net
