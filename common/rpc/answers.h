#pragma once

#include <grpcpp/support/server_callback.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

namespace gischat::rpc {

// The server's end of Pipeline: streams on which each request gets one answer, in the order of the
// requests, however long each takes. Thread-safe.
//
//   rpc::Answers<Request, Response> answers_([this](const Request& request, Response& response,
//                                                   std::function<void()> done) { ... done(); });
//   grpc::ServerBidiReactor<Request, Response>* Method(CallbackServerContext*) override {
//     return answers_.Open();
//   }
//
// Destroy it after the server was shut down.
template <typename Request, typename Response>
class Answers {
 public:
  using Reactor = grpc::ServerBidiReactor<Request, Response>;
  // Fills in the response and calls `done` once, on any thread, possibly at once. Request and
  // response last until then.
  using Handler =
      std::function<void(const Request& request, Response& response, std::function<void()> done)>;

  // Requests of one stream that are worked on at a time; the client is not read from meanwhile.
  static constexpr size_t kMostUnderWay = 64;

  explicit Answers(Handler handler) : shared_(std::make_shared<Shared>(std::move(handler))) {}
  ~Answers() { EndAll(); }

  Answers(const Answers&) = delete;
  Answers& operator=(const Answers&) = delete;

  // A reactor for a new stream.
  Reactor* Open() {
    auto stream = std::make_shared<Stream>(shared_);
    {
      const std::lock_guard lock(shared_->mutex);
      if (shared_->ending) {
        stream->End();
      } else {
        shared_->open.insert(stream);
      }
    }
    stream->Start();
    return stream.get();
  }

  // Ends every stream with kUnavailable, once what it was asked is answered, and every one that is
  // opened later. Nothing more is taken in, however busy a stream is.
  void EndAll() {
    std::set<std::shared_ptr<Stream>> open;
    {
      const std::lock_guard lock(shared_->mutex);
      shared_->ending = true;
      open = shared_->open;
    }
    for (const auto& stream : open) stream->End();
  }

 private:
  class Stream;

  struct Shared {
    explicit Shared(Handler given) : handler(std::move(given)) {}
    const Handler handler;
    std::mutex mutex;  // guards what follows
    std::set<std::shared_ptr<Stream>> open;
    bool ending = false;
  };

  // One request and its answer.
  struct Slot {
    Request request;
    Response response;
    bool ready = false;
  };

  class Stream final : public Reactor, public std::enable_shared_from_this<Stream> {
   public:
    explicit Stream(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

    void Start() {
      self_ = this->shared_from_this();
      std::unique_lock lock(mutex_);
      Read(lock);
      Advance(std::move(lock));
    }

    void End() {
      std::unique_lock lock(mutex_);
      ending_ = true;
      Advance(std::move(lock));
    }

    void OnReadDone(bool ok) override {
      std::shared_ptr<Slot> slot;
      {
        std::unique_lock lock(mutex_);
        if (!ok || ending_) {  // too late: whoever asked asks another server
          reading_ = false;
          half_closed_ = !ok;
          return Advance(std::move(lock));
        }
        slot = slots_.emplace_back(std::move(next_));
      }
      shared_->handler(slot->request, slot->response,
                       [self = this->shared_from_this(), slot] { self->OnReady(*slot); });
      std::unique_lock lock(mutex_);
      reading_ = false;  // not before: requests are begun in their order
      Read(lock);
    }

    void OnWriteDone(bool ok) override {
      std::unique_lock lock(mutex_);
      writing_ = false;
      slots_.pop_front();
      if (!ok) gone_ = true;
      Read(lock);
      if (!lock.owns_lock()) lock.lock();
      Advance(std::move(lock));
    }

    void OnCancel() override {
      std::unique_lock lock(mutex_);
      gone_ = true;
      Advance(std::move(lock));
    }

    void OnDone() override {
      const std::shared_ptr<Stream> self = std::move(self_);
      const std::lock_guard lock(shared_->mutex);
      shared_->open.erase(self);
    }

   private:
    void OnReady(Slot& slot) {
      std::unique_lock lock(mutex_);
      slot.ready = true;
      Advance(std::move(lock));
    }

    // Reads the next request, unless enough are under way; then lets the lock go.
    void Read(std::unique_lock<std::mutex>& lock) {
      if (reading_ || half_closed_ || ending_ || finished_) return;
      if (slots_.size() >= kMostUnderWay) return;
      reading_ = true;
      next_ = std::make_shared<Slot>();
      Request* const into = &next_->request;
      lock.unlock();
      this->StartRead(into);
    }

    // Writes the next answer, or finishes the call when there is nothing left to do.
    void Advance(std::unique_lock<std::mutex> lock) {
      if (!lock.owns_lock()) lock.lock();
      if (finished_ || writing_) return;
      if (!gone_ && !slots_.empty()) {
        if (!slots_.front()->ready) return;
        writing_ = true;
        const Response* const answer = &slots_.front()->response;
        lock.unlock();
        return this->StartWrite(answer);
      }
      if (!gone_ && !ending_ && !half_closed_) return;
      finished_ = true;
      const bool complete = half_closed_ && !gone_;
      lock.unlock();
      this->Finish(complete ? grpc::Status::OK
                            : grpc::Status(grpc::StatusCode::UNAVAILABLE,
                                           "the service is ending: call elsewhere"));
    }

    const std::shared_ptr<Shared> shared_;
    std::shared_ptr<Stream> self_;

    std::mutex mutex_;  // guards what follows; not held while gRPC or the handler is called
    std::deque<std::shared_ptr<Slot>> slots_;  // in the order of the requests
    std::shared_ptr<Slot> next_;               // being read
    bool reading_ = false;
    bool writing_ = false;  // the front of slots_
    bool half_closed_ = false;
    bool ending_ = false;
    bool gone_ = false;  // the client
    bool finished_ = false;
  };

  const std::shared_ptr<Shared> shared_;
};

}  // namespace gischat::rpc
