#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace gischat::process {

// What the admin port answers with.
struct AdminPages {
  // Body of /metrics; `ready`: what /readyz says at that moment. Called on a thread of the admin
  // server, one at a time.
  std::function<std::string(bool ready)> metrics;
  // One line per reason not to be ready; empty: ready. Called on the loop's thread, must not block.
  std::function<std::string()> unready;
};

struct AdminLimits {
  size_t connections = 100;                           // what is beyond is closed
  std::chrono::milliseconds request_deadline{5'000};  // from the end of the answer before
};

// The HTTP server of the admin port: /metrics, /livez and /readyz, for GET and HEAD. Everything
// runs on the loop's thread, except that metrics are collected on a thread of its own. Holds at
// most 100 connections and gives each request 5 s; what is beyond is closed.
class AdminServer {
 public:
  // Takes the port (0 picks a free one). kUnavailable when it is taken, kInvalidArgument when the
  // address is none of this machine's; both in words that name it. The loop outlives the server.
  static absl::StatusOr<std::unique_ptr<AdminServer>> Listen(boost::asio::io_context& loop,
                                                             const std::string& address,
                                                             uint16_t port, AdminPages pages,
                                                             AdminLimits limits);
  ~AdminServer();  // as Stop()

  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  uint16_t port() const;  // the port in use

  // Closes the port and every connection. Afterwards no page is called. Not on the loop's thread;
  // waits for the loop, which has to run.
  void Stop();

 private:
  class Core;
  explicit AdminServer(std::shared_ptr<Core> core);
  std::shared_ptr<Core> core_;
};

}  // namespace gischat::process
