#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <memory>

#include "absl/time/time.h"
#include "common/base/callback.h"
#include "gischat/fanout/v1/fanout.pb.h"

namespace grpc {
class Service;
}
namespace prometheus {
class Registry;
}
namespace gischat::bus {
class MessageBus;
}

namespace gischat::fanout {

class Reader;

// The fanout service over any bus: publishes, tells the history, and streams what happens to edges.
// Thread-safe.
class Service {
 public:
  // Bytes that may wait for one reader before its stream is ended.
  static constexpr size_t kMaxStreamBytes = 256 << 20;

  // Heartbeats and streams run on the loop. Loop, bus and registry outlive the service, and the
  // service outlives the server that offers it.
  Service(boost::asio::io_context& loop, bus::MessageBus& bus, prometheus::Registry& registry,
          size_t max_stream_bytes = kMaxStreamBytes);
  ~Service();  // as Stop()

  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  grpc::Service* grpc_service();
  void Start();

  // What the rpcs do, for those in the same process. See gischat.fanout.v1.
  //
  // `done` runs on any thread, possibly before this returns.
  void Publish(v1::PublishRequest request, absl::Time deadline,
               base::Callback<v1::PublishResponse> done);
  // The reader is called on the loop; it hears nothing any more when the loop has come to what
  // Unsubscribe() asks of it.
  void Subscribe(const v1::SubscribeRequest& request, std::shared_ptr<Reader> reader);
  void Unsubscribe(std::shared_ptr<Reader> reader);

  // Ends all streams, and every new one, with UNAVAILABLE, so that edges resume elsewhere. To be
  // called before the server is shut down.
  void EndStreams();

  // Lets go of the bus. To be called after the server was shut down, while the loop runs or when it
  // is stopped.
  void Stop();

 private:
  class Streams;
  class Rpcs;
  bus::MessageBus& bus_;
  std::shared_ptr<Streams> streams_;
  std::unique_ptr<Rpcs> rpcs_;
};

}  // namespace gischat::fanout
