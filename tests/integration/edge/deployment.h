#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/bus/memory_bus.h"
#include "edge/edge.h"
#include "services/presence/memory_presence_store.h"
#include "tests/support/loop_thread.h"

namespace prometheus {
class Registry;
}
namespace gischat::rpc {
class CallMetrics;
}

namespace gischat::tests {

// The three services, in memory, behind one gRPC server that may be away for a while.
class Services {
 public:
  Services();
  ~Services();

  // Ends the server at once, and lets another take its place over the same stores.
  void Stop();
  void Start();

  std::string target() const;  // for gRPC channels

 private:
  struct Running;

  LoopThread loop_;
  bus::MemoryBus bus_;
  presence::MemoryPresenceStore store_;
  const uint16_t port_;
  std::unique_ptr<Running> running_;
};

// An edge on a port of its own, with the channels QGIS and Geotribu.
class RunningEdge {
 public:
  explicit RunningEdge(const Services& services);
  ~RunningEdge();

  RunningEdge(const RunningEdge&) = delete;
  RunningEdge& operator=(const RunningEdge&) = delete;

  void Stop();
  edge::Edge& edge() { return *edge_; }
  prometheus::Registry& metrics() { return *registry_; }
  uint16_t port() const { return port_; }

  // Another edge on that port, which must not start.
  static absl::Status TryToStart(const Services& services, uint16_t port);

 private:
  LoopThread loop_;
  std::unique_ptr<prometheus::Registry> registry_;
  std::unique_ptr<rpc::CallMetrics> calls_;
  std::unique_ptr<edge::Edge> edge_;
  uint16_t port_ = 0;
};

}  // namespace gischat::tests
