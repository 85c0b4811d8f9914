#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/callback.h"
#include "common/rpc/call_metrics.h"
#include "common/rpc/pending_calls.h"
#include "common/rpc/status.h"

namespace gischat::rpc {

// Calls that go down one long-lived bidirectional stream, whose answers come in the order of the
// requests: a third of what a unary call costs, and no waiting for one another. The stream is
// opened by the first call and lasts for kMaxAge, so that a new server gets its share; its end, or
// an answer that does not come in time, fails every call that it has, and the next call opens
// another, most likely to another server. Nothing is sent twice. Thread-safe.
//
// What is given by reference outlives it, and `pending` ends first: it ends the calls.
template <typename Request, typename Response>
class Pipeline {
 public:
  using Reactor = grpc::ClientBidiReactor<Request, Response>;
  // Begins the rpc: stub->async()->Method(context, reactor).
  using Open = std::function<void(grpc::ClientContext*, Reactor*)>;

  static constexpr absl::Duration kMaxAge = absl::Minutes(1);
  // Deadlines are kept to this.
  static constexpr absl::Duration kPrecision = absl::Milliseconds(50);

  // `name`: of the rpc, for the metrics; never goes away.
  Pipeline(Open open, std::string_view name, CallMetrics& metrics, PendingCalls& pending,
           absl::Duration max_age = kMaxAge)
      : open_(std::move(open)),
        name_(name),
        metrics_(metrics),
        pending_(pending),
        max_age_(max_age) {
    metrics.Declare(name);
  }

  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  // `done` runs on a gRPC thread. kDeadlineExceeded when this call or one before it took too long.
  void Call(std::shared_ptr<const Request> request, absl::Duration timeout,
            base::Callback<Response> done) {
    const absl::Time now = absl::Now();
    CallPtr call =
        std::make_unique<OneCall>(OneCall{std::move(request), std::move(done), now, now + timeout});
    std::shared_ptr<Stream> fresh;
    std::shared_ptr<Stream> closed;
    std::shared_ptr<Stream> stream;
    {
      const std::lock_guard lock(mutex_);
      if (current_ == nullptr || !current_->Add(call, now)) {
        closed = std::move(current_);
        fresh = current_ = std::make_shared<Stream>(*this, now);
        fresh->Add(call, now);
      }
      stream = current_;
    }
    if (fresh != nullptr) fresh->Start();
    stream->Advance();
    if (closed != nullptr) closed->Advance();  // tells the server, if nothing is being sent
  }

 private:
  struct OneCall {
    std::shared_ptr<const Request> request;
    base::Callback<Response> done;
    absl::Time began;
    absl::Time deadline;
  };
  using CallPtr = std::unique_ptr<OneCall>;

  // Keeps itself alive from Start() until gRPC is done with it.
  class Stream final : public Reactor, public std::enable_shared_from_this<Stream> {
   public:
    Stream(Pipeline& owner, absl::Time now) : owner_(owner), closes_(now + owner.max_age_) {}

    // Takes the call, unless the stream takes no more; nothing is sent before Advance().
    bool Add(CallPtr& call, absl::Time now) {
      const std::lock_guard lock(mutex_);
      if (now > closes_) closed_ = true;
      if (closed_) return false;
      waiting_.push_back(std::move(call));
      return true;
    }

    void Start() {
      self_ = this->shared_from_this();
      owner_.pending_.Add({self_, &context_});
      owner_.open_(&context_, this);
      this->AddHold();  // until nothing is sent any more: others than gRPC's reactions send
      this->StartRead(&response_);
      this->StartCall();
      const std::lock_guard lock(mutex_);
      started_ = true;
    }

    // Sends what is next, if nothing is being sent, and looks after the time that answers take.
    void Advance() {
      const Request* next = nullptr;
      {
        const std::lock_guard lock(mutex_);
        if (!started_ || over_ || sending_ != nullptr) return;
        if (!waiting_.empty()) {
          sending_ = waiting_.front()->request;
          next = sending_.get();
          asked_.push_back(std::move(waiting_.front()));
          waiting_.pop_front();
          if (!std::exchange(watching_, true)) Watch();
        } else if (!closed_ || std::exchange(half_closed_, true)) {
          return;
        }
        this->AddHold();
      }
      if (next != nullptr) {
        this->StartWrite(next);
      } else {
        this->StartWritesDone();
      }
      this->RemoveHold();  // may be the end of this
    }

    void OnWriteDone(bool ok) override {
      {
        const std::lock_guard lock(mutex_);
        sending_ = nullptr;
        if (!ok) closed_ = over_ = true;  // the reason comes with OnDone
      }
      Advance();
    }

    void OnReadDone(bool ok) override {
      CallPtr answered;
      {
        const std::lock_guard lock(mutex_);
        if (ok && !asked_.empty()) {
          answered = std::move(asked_.front());
          asked_.pop_front();
        } else {
          if (ok) failure_ = absl::InternalError("an answer to nothing");
          closed_ = over_ = true;
        }
      }
      if (answered == nullptr) {
        if (ok) context_.TryCancel();
        return this->RemoveHold();
      }
      owner_.metrics_.Observe(owner_.name_, absl::StatusCode::kOk, absl::Now() - answered->began);
      std::move(answered->done)(std::move(response_));
      response_ = Response();
      this->StartRead(&response_);
    }

    void OnDone(const grpc::Status& status) override {
      std::deque<CallPtr> failed;
      std::shared_ptr<grpc::Alarm> alarm;
      absl::Status why = FromGrpc(status);
      {
        const std::lock_guard lock(mutex_);
        closed_ = over_ = true;
        failed.swap(asked_);
        for (CallPtr& call : waiting_) failed.push_back(std::move(call));
        waiting_.clear();
        alarm.swap(alarm_);
        if (!failure_.ok()) why = failure_;
      }
      if (alarm != nullptr) alarm->Cancel();
      if (why.ok()) why = absl::UnavailableError("the server has ended the stream");
      owner_.Forget(this);
      for (CallPtr& call : failed) {
        owner_.metrics_.Observe(owner_.name_, why.code(), absl::Now() - call->began);
        std::move(call->done)(why);
      }
      failed.clear();  // what the callbacks hold goes before the owner
      owner_.pending_.Remove(&context_,
                             std::move(self_));  // the end of this, and maybe the owner's
    }

   private:
    // Called with the mutex held.
    void Watch() {
      alarm_ = std::make_shared<grpc::Alarm>();
      alarm_->Set(absl::ToChronoTime(absl::Now() + kPrecision),
                  [weak = this->weak_from_this()](bool ok) {
                    const auto self = weak.lock();
                    if (ok && self != nullptr) self->CheckDeadlines();
                  });
    }

    void CheckDeadlines() {
      const absl::Time now = absl::Now();
      {
        const std::lock_guard lock(mutex_);
        watching_ = !over_ && !(asked_.empty() && waiting_.empty());
        if (!watching_) return;
        const bool late = (!asked_.empty() && asked_.front()->deadline < now) ||
                          (!waiting_.empty() && waiting_.front()->deadline < now);
        if (!late) return Watch();
        closed_ = true;
        failure_ = absl::DeadlineExceededError("no answer in time");
      }
      context_.TryCancel();
    }

    Pipeline& owner_;
    const absl::Time closes_;
    std::shared_ptr<Stream> self_;
    grpc::ClientContext context_;
    Response response_;

    std::mutex mutex_;  // guards what follows; not held while gRPC or a callback is called
    std::deque<CallPtr> waiting_;             // not sent yet
    std::deque<CallPtr> asked_;               // sent, or being sent, without an answer
    std::shared_ptr<const Request> sending_;  // what gRPC is writing
    std::shared_ptr<grpc::Alarm> alarm_;
    absl::Status failure_;   // why it was cancelled
    bool watching_ = false;  // the alarm will go off
    bool started_ = false;
    bool closed_ = false;       // takes no more calls
    bool half_closed_ = false;  // the server knows
    bool over_ = false;         // nothing can be sent any more
  };

  void Forget(const Stream* stream) {
    const std::lock_guard lock(mutex_);
    if (current_.get() == stream) current_.reset();
  }

  const Open open_;
  const std::string_view name_;
  CallMetrics& metrics_;
  PendingCalls& pending_;
  const absl::Duration max_age_;
  std::mutex mutex_;                 // taken before a stream's
  std::shared_ptr<Stream> current_;  // guarded by mutex_
};

}  // namespace gischat::rpc
