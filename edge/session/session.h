#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/trace/trace.h"
#include "edge/clients/backends.h"
#include "edge/clients/lease.h"
#include "edge/clients/publisher.h"
#include "edge/codec/api.h"
#include "edge/codec/message_decoder.h"
#include "edge/hub/hub.h"
#include "edge/net/queued_socket.h"
#include "edge/session/edge_metrics.h"
#include "edge/session/message_gate.h"
#include "edge/session/outbox.h"
#include "edge/session/reviewer.h"
#include "edge/session/traffic.h"

namespace gischat::edge::session {

// What a session needs of its connection. Confined to the session's thread.
class Wire {
 public:
  virtual ~Wire() = default;
  // Queues a frame; `counted`: against the bound of what may wait for a slow reader.
  virtual void Queue(const codec::SharedBytes& frame, bool counted) = 0;
  virtual void Flush() = 0;
  // Both in one, with frames that are counted.
  virtual void Show(const std::vector<codec::SharedBytes>& frames) {
    for (const codec::SharedBytes& frame : frames) Queue(frame, /*counted=*/true);
    Flush();
  }
  // The session can take messages again.
  virtual void ResumeReading() = 0;
};

// The parts that a session works with. What is given by reference outlives it.
struct SessionParts {
  hub::Hub& hub;       // of the session's thread
  Reviewer& reviewer;  // of the session's thread
  clients::Publisher& publisher;
  Traffic& traffic;  // of the session's thread
  clients::Lease& lease;
  EdgeMetrics& metrics;
  // Kept until everything that the session took is dealt with: whoever waits for all sessions to
  // end waits for its last copy to go.
  std::shared_ptr<void> alive;
  MessageGate gate = {};  // how much the client may say
};

// Who the client is.
struct SessionIdentity {
  codec::Api api = codec::Api::kChannels;
  std::string channel;
  uint64_t connection = 0;  // unique in this process
  bool understands_replies = false;
  // Names its messages, when it wants to follow them; null: only while this process logs them.
  std::shared_ptr<trace::Source> trace = nullptr;
};

// One client of one channel: counts it, shows it what is stored, takes its messages and tells it
// what is refused. Knows nothing of sockets. Lives on one io thread; answers of other threads are
// posted to its executor, save that a message that is alone may go from its review to the publisher
// on the thread that brings the verdict. It outlives its connection until everything that it took
// is dealt with.
class Session final : public hub::Member, public std::enable_shared_from_this<Session> {
 public:
  // Messages of one client that may be on their way to fanout, so that nobody fills the backlog of
  // a channel alone.
  static constexpr size_t kMaxUnacknowledged = 256;

  Session(Wire& wire, net::Executor executor, SessionParts parts, SessionIdentity identity);

  // Counts the client and lets it into the channel. Then calls `ready`: from now on its messages
  // may be given to OnText and OnBinary. While presence is away the client is let in after
  // kJoinPatience, and told the count later.
  void Start(std::function<void()> ready);

  // What comes faster than the gate allows is refused unread.
  void OnText(std::string_view text);
  void OnBinary();

  // False: give it no more messages before Wire::ResumeReading.
  bool CanTakeMore() const {
    return !outbox_.IsFull() && unacknowledged_ < kMaxUnacknowledged &&
           unacknowledged_bytes_ < Outbox::kMaxBytes;
  }

  // Whether anything that the client sent is still on its way into the channel, or back from there.
  bool HasUnderWay() const;

  // The connection has ended, however that came. The client leaves the channel at once; what it
  // sent before is still delivered. Further calls do nothing. The wire is not used any more.
  void OnClosed();

  const SessionIdentity& identity() const { return identity_; }

  // Whether its channel lets anybody in now.
  bool MayEnter() const { return parts_.hub.HasChannel(identity_.channel); }

  // How much the client may say from now on.
  void SetMessageRate(net::Rate rate) { parts_.gate.Change(rate); }

 private:
  // What is remembered of a message that was given to the publisher.
  struct Published {
    std::string_view kind;
    size_t bytes = 0;
    bool slow = false;
    trace::v1::Trace trace;
  };

  void Queue(const codec::SharedBytes& frame) override;
  void QueueReplay(const codec::SharedBytes& frame) override;
  void Flush() override;
  void Show(const std::vector<codec::SharedBytes>& frames) override;

  void OnCounted(const hub::Count& count);
  void Join(const hub::Count* count);

  using ReadTime = clients::Publisher::Clock::time_point;  // of the frame of a message

  bool MaySpeak(ReadTime now);
  void Take(codec::DecodedMessage decoded, size_t bytes, ReadTime read);
  void Trace(Outgoing& outgoing, chat::v1::ChatMessage& message);
  void Review(const std::shared_ptr<Outgoing>& outgoing, moderation::v1::ReviewRequest request);
  void OnReviewed(Outgoing& outgoing, chat::v1::ChatMessage::KindCase kind,
                  absl::StatusOr<moderation::v1::ReviewResponse> answer);
  void Accept(Outgoing& outgoing, moderation::v1::Acceptance accepted);
  void Reject(Outgoing& outgoing, const codec::Violations& violations);
  void RefuseAtTurn(size_t bytes, std::string reason, std::string label);

  void Advance();
  void Settle();
  bool Perform(Outgoing& outgoing);
  void Publish(Outgoing& outgoing);
  bool MayHasten(const Outgoing& outgoing, chat::v1::ChatMessage::KindCase kind) const;
  void Hasten(Outgoing& outgoing, const moderation::v1::Acceptance& accepted);
  void GiveToPublisher(const Outgoing& outgoing, std::string message, bool stored,
                       const Published& published);
  void CountUnacknowledged(size_t bytes);
  void CountAcknowledged(size_t bytes);
  void OnPublished(const Published& published, const absl::Status& status);
  void Register(const std::string& wanted, const trace::v1::Trace& trace);
  bool EndClaim();
  void OnClaimed(const std::string& wanted, clients::ClaimOutcome outcome);
  void OnNicknameLost(const std::string& lost);
  void Unregister();
  // Holds up the outbox until EndPause() with the number returned, for kPausePatience at most.
  uint64_t Pause();
  void EndPause(uint64_t pause);
  void Tell(std::string reason, std::string_view label);
  std::string TakenWords(const std::string& wanted) const;

  Wire* wire_;  // null once closed
  net::Executor executor_;
  SessionParts parts_;
  const SessionIdentity identity_;
  std::shared_ptr<trace::Source> trace_;  // null: nobody has looked yet
  std::function<void()> ready_;
  Outbox outbox_;
  size_t unacknowledged_ = 0;  // given to the publisher, or may be by now; without an outcome yet
  size_t unacknowledged_bytes_ = 0;
  bool joined_ = false;            // handed to the hub
  bool claiming_ = false;          // a nickname claim is under way
  std::string previous_nickname_;  // held when the claim under way began
  bool paused_ = false;            // the outbox waits for a change of the nickname
  uint64_t pauses_ = 0;            // so far
};

}  // namespace gischat::edge::session
