#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/config/table.h"

namespace grpc {
class Channel;
class Service;
}  // namespace grpc

namespace gischat::rpc {

// Largest message that any rpc carries, both ways: a batch with the largest acceptable message and
// its envelope, and a snapshot of several of them. Bounded, far above the content limits.
inline constexpr int kMaxMessageBytes = 192 << 20;

// Where a service listens.
struct ServerSettings {
  std::string address = "127.0.0.1";
  uint16_t port = 50051;  // 0 picks a free one

  void Declare(config::Table& table);  // GISCHAT_GRPC_ADDRESS, GISCHAT_GRPC_PORT
};

// A gRPC server with health and reflection. Its health for "" and for every service follows
// SetServing(); it begins as NOT_SERVING. Connections live at most 10 minutes (with 10 s of grace),
// so that new replicas get traffic; keepalive pings are accepted every 15 s.
class Server {
 public:
  // Takes the port. kUnavailable names address and port when it is taken (two servers never share
  // one). The services outlive the server.
  static absl::StatusOr<std::unique_ptr<Server>> Listen(
      const ServerSettings& settings, const std::vector<grpc::Service*>& services);

  // A server without a port, reached by InProcessChannel() only.
  static std::unique_ptr<Server> InProcess(const std::vector<grpc::Service*>& services);

  ~Server();  // as Shutdown(absl::ZeroDuration())

  void SetServing(bool serving);
  int port() const;  // the port in use; 0 without one

  // Valid while the server lives.
  std::shared_ptr<grpc::Channel> InProcessChannel();

  // Turns NOT_SERVING, refuses new calls, gives running ones `grace`, then cuts them. Returns when
  // all have ended.
  void Shutdown(absl::Duration grace);

 private:
  class Core;
  explicit Server(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace gischat::rpc
