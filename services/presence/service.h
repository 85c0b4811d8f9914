#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "common/base/callback.h"
#include "common/base/clock.h"
#include "gischat/presence/v1/presence.pb.h"
#include "services/presence/presence_store.h"
#include "services/presence/settings.h"

namespace grpc {
class Service;
}
namespace prometheus {
class Registry;
}

namespace gischat::presence {

// The presence service: answers calls over a store, ends leases that ran out, announces counts.
//
//   presence::Service service(store, process.loop(), base::SystemClock(), settings, metrics);
//   auto server = rpc::Server::Listen(server_settings, {service.grpc()});
//   service.Start(); ... (*server)->Shutdown(grace); service.Stop();
//
// Everything passed by reference outlives it. Destroy it after the server was shut down and the
// loop has stopped running.
class Service {
 public:
  Service(PresenceStore& store, boost::asio::io_context& loop, const base::Clock& clock,
          Settings settings, prometheus::Registry& registry);
  ~Service();

  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // Implements gischat.presence.v1.Presence.
  grpc::Service* grpc();

  // The same without gRPC, for who lives in the same process. Requests need not outlive the call.
  // Thread-safe.
  void Report(const v1::ReportRequest& request, base::Callback<v1::ReportResponse> done);
  void Register(const v1::RegisterRequest& request, base::Callback<v1::RegisterResponse> done);
  void Unregister(const v1::UnregisterRequest& request,
                  base::Callback<v1::UnregisterResponse> done);

  void Start();
  void Stop();

  // The store was away, and is back: nobody is evicted before everybody had the time to renew.
  // Thread-safe.
  void OnStoreBack();

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace gischat::presence
