#pragma once

#include <prometheus/registry.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/bus/message_bus.h"
#include "common/bus/redis_bus.h"
#include "common/redis/client.h"
#include "common/redis/subscriber.h"
#include "tests/support/loop_thread.h"
#include "tests/support/redis_server.h"

namespace gischat::tests {

// A RedisBus with the connections that it needs, on a loop of its own: one process.
class RedisBusProcess {
 public:
  // `before_start` may set the client up, e.g. OnReadyChange.
  RedisBusProcess(const redis::Options& options, const bus::Limits& limits);
  ~RedisBusProcess();

  bus::RedisBus& bus() { return bus_; }
  redis::Client& client() { return client_; }
  redis::Subscriber& subscriber() { return subscriber_; }
  prometheus::Registry& registry() { return registry_; }

 private:
  prometheus::Registry registry_;
  LoopThread loop_;
  redis::Client client_;
  redis::Subscriber subscriber_;
  bus::RedisBus bus_;
};

// Collects what a listener hears. Thread-safe.
class Recorder : public bus::Listener {
 public:
  void OnEvent(const bus::EventPtr& event) override;
  void OnResumed() override;

  std::vector<bus::EventPtr> events() const;
  std::vector<std::string> payloads() const;
  size_t count() const;
  int resumed() const;

 private:
  mutable std::mutex mutex_;
  std::vector<bus::EventPtr> events_;
  int resumed_ = 0;
};

// Calls of a bus that wait for their answers.
absl::StatusOr<bus::Receipt> Publish(bus::MessageBus& bus, const std::string& channel,
                                     bus::Batch batch);
absl::StatusOr<bus::Snapshot> ReadHistory(bus::MessageBus& bus, const std::string& channel);
absl::StatusOr<bus::LogSlice> ReadLog(bus::MessageBus& bus, const std::string& channel,
                                      bus::Position after);

// A batch of not stored (or stored) payloads.
bus::Batch MakeBatch(const std::string& publisher, uint64_t first_sequence,
                     std::vector<std::string> payloads, bool stored = false);

std::vector<std::string> Payloads(const std::vector<bus::EventPtr>& events);

}  // namespace gischat::tests
