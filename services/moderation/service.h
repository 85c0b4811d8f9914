#pragma once

#include <memory>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "gischat/moderation/v1/moderation.pb.h"
#include "services/moderation/settings.h"

namespace grpc {
class Service;
}
namespace prometheus {
class Registry;
}

namespace gischat::moderation {

// gischat.moderation.v1.Moderation. Everything but images is judged on the gRPC thread that brings
// it, within microseconds; images are decoded by threads of their own, of low priority, so that
// they never hold up words. Outlives the server that it is given to.
//
//   Service service(settings, base::SystemClock(), process.metrics());
//   if (absl::Status status = service.Start(); !status.ok()) return status;
//   rpc::Server::Listen(server_settings, {service.grpc_service()});
class Service {
 public:
  Service(const Settings& settings, const base::Clock& clock, prometheus::Registry& registry);
  ~Service();

  // Starts the image library. Call before the first review, from the main thread.
  absl::Status Start();

  grpc::Service* grpc_service();

  // Takes over what can be changed while it runs: limits (but the number of pixels) and cheat
  // codes. What is being judged keeps to the old ones. Thread-safe.
  void Apply(const Settings& settings);

  // What ReviewAll does, for those in the same process. Thread-safe.
  v1::ReviewBatchAnswer ReviewAll(const v1::ReviewBatch& batch);

  // Ends the streams of batches, and those that are opened later, so that edges go elsewhere. Call
  // before the server is shut down.
  void EndStreams();

 private:
  class Core;
  Settings settings_;
  std::unique_ptr<Core> core_;
};

}  // namespace gischat::moderation
