#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <string>

#include "gischat/chat/v1/chat.pb.h"
#include "gischat/trace/v1/trace.pb.h"

namespace gischat::edge::session {

// One message of a client on its way: reviewed in parallel with the others, dealt with in the order
// in which they came.
struct Outgoing {
  enum class Step {
    kReviewing,   // the verdict is not there yet
    kRefuse,      // tell the client `reason`
    kPublish,     // accepted: into the channel
    kRegister,    // accepted newcomer: claim the nickname
    kUnregister,  // give the nickname back
    kHastened,    // was given to the publisher already
  };

  Step step = Step::kReviewing;
  std::chrono::steady_clock::time_point read;  // when its frame was
  chat::v1::ChatMessage message;
  bool stored = false;
  std::string reason;           // kRefuse
  std::string label;            // kRefuse: for metrics
  size_t bytes = 0;             // that it occupies
  bool slow = false;            // an image: its review may take seconds
  bool may_hasten = false;      // may be given to the publisher by whoever brings the verdict
  bool hastened = false;        // was: set by that thread before the session's hears of the verdict
  trace::v1::Trace trace = {};  // request 0: it is not traced
};

// The messages of one client that are not dealt with yet, in the order received. Bounded: a client
// that sends faster than its messages are dealt with is not read from meanwhile. Not thread-safe.
class Outbox {
 public:
  static constexpr size_t kMaxMessages = 128;
  static constexpr size_t kMaxBytes = 32 << 20;  // one message more may pass it

  std::shared_ptr<Outgoing> Add(size_t bytes) {
    auto outgoing = std::make_shared<Outgoing>();
    outgoing->bytes = bytes;
    bytes_ += bytes;
    queue_.push_back(outgoing);
    return outgoing;
  }
  // The oldest message when its review is done; null when it is not, or there is none.
  const std::shared_ptr<Outgoing>* Front() const {
    if (queue_.empty() || queue_.front()->step == Outgoing::Step::kReviewing) return nullptr;
    return &queue_.front();
  }
  void Pop() {
    bytes_ -= queue_.front()->bytes;
    queue_.pop_front();
  }
  bool empty() const { return queue_.empty(); }
  size_t size() const { return queue_.size(); }
  bool IsFull() const { return queue_.size() >= kMaxMessages || bytes_ >= kMaxBytes; }
  bool HasSlowReview() const {
    for (const auto& outgoing : queue_) {
      if (outgoing->slow && outgoing->step == Outgoing::Step::kReviewing) return true;
    }
    return false;
  }

 private:
  std::list<std::shared_ptr<Outgoing>> queue_;
  size_t bytes_ = 0;
};

}  // namespace gischat::edge::session
