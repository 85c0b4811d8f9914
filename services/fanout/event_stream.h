#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "services/fanout/metrics.h"
#include "services/fanout/reader.h"

namespace gischat::fanout {

// One call of Subscribe. Everything that waits goes out as one message (up to 4 MiB, or one item),
// a write at a time; what is large is shared between streams, not copied. Too many bytes waiting
// end the stream with RESOURCE_EXHAUSTED. Thread-safe; keeps itself alive until gRPC is done with
// it.
class EventStream : public Reader,
                    public grpc::ServerWriteReactor<grpc::ByteBuffer>,
                    public std::enable_shared_from_this<EventStream> {
 public:
  // `on_done` runs when the call is over, on a thread of gRPC. The loop and the metrics outlive the
  // stream.
  static std::shared_ptr<EventStream> Open(boost::asio::io_context& loop,
                                           grpc::CallbackServerContext* context, size_t max_bytes,
                                           Metrics& metrics,
                                           std::function<void(EventStream*)> on_done);

  EventStream(boost::asio::io_context& loop, grpc::CallbackServerContext* context, size_t max_bytes,
              Metrics& metrics, std::function<void(EventStream*)> on_done);

  // What is put in one turn of the loop goes out together.
  void Put(const Wire& item) override;
  // Sends an empty message when nothing else is under way.
  void Beat() override;
  // After the write that is under way, if there is one.
  void End(absl::Status status) override;

 private:
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void Advance(std::unique_lock<std::mutex> lock, bool beat = false);
  grpc::ByteBuffer TakeMessage();
  void DropWaiting();

  boost::asio::io_context& loop_;
  grpc::CallbackServerContext* const context_;
  const size_t max_bytes_;
  Metrics& metrics_;
  std::function<void(EventStream*)> on_done_;
  std::shared_ptr<EventStream> self_;

  std::mutex mutex_;  // guards what follows; not held while gRPC writes or finishes
  std::deque<Wire> waiting_;
  size_t waiting_bytes_ = 0;
  bool writing_ = false;
  bool will_advance_ = false;  // at the end of the loop's turn
  grpc::ByteBuffer message_;   // being written
  std::optional<absl::Status> ending_;
  int beats_since_end_ = 0;
  bool finished_ = false;
};

}  // namespace gischat::fanout
