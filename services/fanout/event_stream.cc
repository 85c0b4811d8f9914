#include "services/fanout/event_stream.h"

#include <grpcpp/server_context.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>

#include <boost/asio/post.hpp>
#include <string>
#include <utility>
#include <vector>

#include "common/rpc/status.h"

namespace gischat::fanout {
namespace {

constexpr size_t kFullMessage = 4 << 20;
constexpr size_t kWorthSharing = 4 << 10;  // below, a copy costs less than a reference
constexpr int kBeatsToEnd = 5;             // for a reader that does not read, before it is cut

grpc::Slice Share(const Wire& item) {
  // Slices are not changed, the interface only does not say so.
  return grpc::Slice(
      const_cast<char*>(item->data()), item->size(),
      [](void* owner) { delete static_cast<Wire*>(owner); }, new Wire(item));
}

}  // namespace

std::shared_ptr<EventStream> EventStream::Open(boost::asio::io_context& loop,
                                               grpc::CallbackServerContext* context,
                                               size_t max_bytes, Metrics& metrics,
                                               std::function<void(EventStream*)> on_done) {
  auto stream =
      std::make_shared<EventStream>(loop, context, max_bytes, metrics, std::move(on_done));
  stream->self_ = stream;
  return stream;
}

EventStream::EventStream(boost::asio::io_context& loop, grpc::CallbackServerContext* context,
                         size_t max_bytes, Metrics& metrics,
                         std::function<void(EventStream*)> on_done)
    : loop_(loop),
      context_(context),
      max_bytes_(max_bytes),
      metrics_(metrics),
      on_done_(std::move(on_done)) {
  metrics_.streams.Increment();
}

void EventStream::Put(const Wire& item) {
  std::unique_lock lock(mutex_);
  if (finished_ || ending_) return;
  waiting_.push_back(item);
  waiting_bytes_ += item->size();
  metrics_.stream_bytes.Increment(static_cast<double>(item->size()));
  if (waiting_bytes_ > max_bytes_) {
    metrics_.slow_streams.Increment();
    DropWaiting();
    ending_ =
        absl::ResourceExhaustedError("too much waits for this reader: resume on a new stream");
    return Advance(std::move(lock));
  }
  if (writing_ || std::exchange(will_advance_, true)) return;
  lock.unlock();
  boost::asio::post(loop_, [self = shared_from_this()] {
    std::unique_lock relock(self->mutex_);
    self->will_advance_ = false;
    self->Advance(std::move(relock));
  });
}

void EventStream::Beat() {
  std::unique_lock lock(mutex_);
  if (ending_ && writing_ && ++beats_since_end_ == kBeatsToEnd) {
    context_->TryCancel();  // under the lock: a write that ends now would take the context with it
    return;
  }
  Advance(std::move(lock), true);
}

void EventStream::End(absl::Status status) {
  std::unique_lock lock(mutex_);
  if (!ending_) ending_ = std::move(status);
  DropWaiting();
  Advance(std::move(lock));
}

// Does what is next: finishes the call, or writes what waits.
void EventStream::Advance(std::unique_lock<std::mutex> lock, bool beat) {
  if (finished_ || writing_) return;
  if (ending_) {
    finished_ = true;
    const grpc::Status status = rpc::ToGrpc(*ending_);
    lock.unlock();
    return Finish(status);
  }
  if (waiting_.empty() && !beat) return;
  writing_ = true;
  message_ = TakeMessage();
  lock.unlock();
  StartWrite(&message_);
}

grpc::ByteBuffer EventStream::TakeMessage() {
  std::vector<grpc::Slice> slices;
  std::string small;
  size_t size = 0;
  const auto flush = [&] {
    if (!small.empty()) slices.emplace_back(std::exchange(small, {}));
  };
  while (!waiting_.empty() && (size == 0 || size + waiting_.front()->size() <= kFullMessage)) {
    const Wire item = std::move(waiting_.front());
    waiting_.pop_front();
    size += item->size();
    if (item->size() < kWorthSharing) {
      small += *item;
    } else {
      flush();
      slices.push_back(Share(item));
    }
  }
  flush();
  if (slices.empty()) slices.emplace_back();
  waiting_bytes_ -= size;
  metrics_.stream_bytes.Decrement(static_cast<double>(size));
  return grpc::ByteBuffer(slices.data(), slices.size());
}

void EventStream::DropWaiting() {
  metrics_.stream_bytes.Decrement(static_cast<double>(waiting_bytes_));
  waiting_bytes_ = 0;
  waiting_.clear();
}

void EventStream::OnWriteDone(bool ok) {
  std::unique_lock lock(mutex_);
  writing_ = false;
  message_.Clear();
  if (!ok && !ending_) ending_ = absl::CancelledError("the reader is gone");
  if (ending_) DropWaiting();
  Advance(std::move(lock));
}

void EventStream::OnCancel() { End(absl::CancelledError("the reader is gone")); }

void EventStream::OnDone() {
  {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    DropWaiting();
  }
  metrics_.streams.Decrement();
  const std::shared_ptr<EventStream> self = std::move(self_);
  on_done_(this);
}

}  // namespace gischat::fanout
