#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "gischat/fanout/v1/fanout.grpc.pb.h"

namespace gischat::tests {

fanout::v1::SubscribeRequest SubscribeTo(const std::string& channel, uint64_t epoch = 0,
                                         uint64_t offset = 0);

fanout::v1::PublishRequest PublishTo(const std::string& channel, const std::string& publisher,
                                     uint64_t first_sequence, std::vector<std::string> messages,
                                     bool stored = false);

// Reads one event stream on a thread of its own, as an edge would. Thread-safe.
class EventReader {
 public:
  EventReader(const std::shared_ptr<grpc::Channel>& channel, fanout::v1::SubscribeRequest request);
  ~EventReader();  // cancels the call

  EventReader(const EventReader&) = delete;
  EventReader& operator=(const EventReader&) = delete;

  std::vector<fanout::v1::Event> events() const;
  std::vector<std::string> messages() const;  // of all events
  size_t count() const;                       // of events
  int snapshots() const;
  fanout::v1::Snapshot last_snapshot() const;
  int empty_responses() const;
  int out_of_order() const;  // events that do not follow the one before, or the snapshot
  uint64_t epoch() const;    // of the last item
  uint64_t offset() const;

  bool ended() const;
  grpc::Status status() const;  // once ended

 private:
  void Run();
  void Take(const fanout::v1::Item& item);

  const std::unique_ptr<fanout::v1::Fanout::Stub> stub_;
  const fanout::v1::SubscribeRequest request_;
  grpc::ClientContext context_;
  mutable std::mutex mutex_;  // guards what follows
  std::vector<fanout::v1::Event> events_;
  fanout::v1::Snapshot snapshot_;
  int snapshots_ = 0;
  int empty_responses_ = 0;
  int out_of_order_ = 0;
  uint64_t epoch_ = 0;
  uint64_t offset_ = 0;
  bool ended_ = false;
  grpc::Status status_;
  std::thread thread_;
};

}  // namespace gischat::tests
