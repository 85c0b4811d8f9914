#include "edge/session/session.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "absl/time/clock.h"
#include "common/base/random_id.h"
#include "edge/codec/json_document.h"
#include "edge/codec/message_encoder.h"
#include "edge/session/after.h"

namespace gischat::edge::session {
namespace {

namespace asio = boost::asio;
using chat::v1::ChatMessage;
using Step = Outgoing::Step;

// A client is let in without a count when presence has not answered for so long.
constexpr std::chrono::seconds kJoinPatience(2);
// While a nickname is claimed or given back, later messages of the client wait so long at most.
constexpr std::chrono::seconds kPausePatience(1);

void Note(const trace::Trace& trace, std::string_view step, std::string_view name,
          std::string_view value) {
  if (trace.request() != 0) trace::LogStep(trace, step, {{name, value}});
}

}  // namespace

Session::Session(Wire& wire, net::Executor executor, SessionParts parts, SessionIdentity identity)
    : wire_(&wire),
      executor_(executor),
      parts_(std::move(parts)),
      identity_(std::move(identity)),
      trace_(identity_.trace) {
  if (identity_.api == codec::Api::kRooms) {
    shape = codec::Shape::kRooms;
  } else {
    shape = identity_.understands_replies ? codec::Shape::kReplies : codec::Shape::kChannels;
  }
}

void Session::Start(std::function<void()> ready) {
  parts_.metrics.OnConnected(identity_.api);
  parts_.lease.Connect(identity_.channel,
                       [weak = weak_from_this(), executor = executor_](hub::Count count) {
                         asio::post(executor, [weak, count] {
                           if (const auto self = weak.lock()) self->OnCounted(count);
                         });
                       });
  auto patience = After(executor_, kJoinPatience, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Join(nullptr);
  });
  // The memory of the timer goes at once: of ten thousand who join it would leave holes.
  ready_ = [patience = std::move(patience), ready = std::move(ready)] {
    if (const auto timer = patience.lock()) timer->cancel();
    ready();
  };
}

void Session::OnCounted(const hub::Count& count) {
  if (wire_ == nullptr) return;
  if (joined_) {
    parts_.hub.TellCount(*this, count);
  } else {
    Join(&count);
  }
}

void Session::Join(const hub::Count* count) {
  if (joined_ || wire_ == nullptr) return;
  joined_ = true;
  parts_.hub.Join(*this, identity_.channel, count, std::exchange(ready_, nullptr));
}

bool Session::MaySpeak(ReadTime now) {
  const MessageGate::Verdict verdict = parts_.gate.Pass(now);
  if (verdict == MessageGate::Verdict::kOpen) return true;
  RefuseAtTurn(0, parts_.gate.Words(verdict), std::string(MessageGate::Label(verdict)));
  return false;
}

void Session::OnText(std::string_view text) {
  const ReadTime read = net::Rate::Clock::now();
  if (!MaySpeak(read)) return;
  auto parsed = codec::ParseJson(text);
  if (const auto* error = std::get_if<codec::JsonError>(&parsed)) {
    return RefuseAtTurn(text.size(), "message: must be one JSON object (" + error->words + ")",
                        "not_json");
  }
  auto& document = std::get<codec::JsonDocument>(parsed);
  if (document.root.kind != codec::JsonValue::Kind::kObject) {
    return RefuseAtTurn(text.size(), "message: must be one JSON object", "not_an_object");
  }
  Take(codec::DecodeMessage(std::move(document), identity_.api), text.size(), read);
}

void Session::OnBinary() {
  if (!MaySpeak(net::Rate::Clock::now())) return;
  RefuseAtTurn(0, "message: must be text, not binary", "binary");
}

void Session::Take(codec::DecodedMessage decoded, size_t bytes, ReadTime read) {
  ChatMessage& message = decoded.message;
  parts_.metrics.OnReceived(message.kind_case());
  if (decoded.names_reply) shape = codec::Shape::kReplies;
  if (message.has_nb_users() || message.has_uncompliant()) return;  // the server's to say
  const auto outgoing = outbox_.Add(bytes);
  outgoing->read = read;
  if (message.has_exiter()) {
    outgoing->step = Step::kUnregister;
    outgoing->message = std::move(message);
    return Advance();
  }
  if (message.kind_case() == ChatMessage::KIND_NOT_SET) {
    Reject(*outgoing, decoded.violations);
    return Advance();
  }
  outgoing->slow = message.has_image();
  Trace(*outgoing, message);
  moderation::v1::ReviewRequest request;
  *request.mutable_message() = std::move(message);
  *request.mutable_decoding_violations() = std::move(decoded.violations);
  Review(outgoing, std::move(request));
}

// While nobody looks, this is all that tracing costs.
void Session::Trace(Outgoing& outgoing, ChatMessage& message) {
  if (identity_.trace == nullptr && !trace::IsLogged()) return;
  if (trace_ == nullptr) trace_ = std::make_shared<trace::Source>();
  outgoing.trace = trace_->Next();
  *message.mutable_trace() = outgoing.trace;
  trace::LogStep(outgoing.trace, "received",
                 {{"channel", identity_.channel},
                  {"kind", codec::KindName(message.kind_case())},
                  {"by", "websocket"}});
}

void Session::Review(const std::shared_ptr<Outgoing>& outgoing,
                     moderation::v1::ReviewRequest request) {
  const ChatMessage::KindCase kind = request.message().kind_case();
  if (!outgoing->slow) ++parts_.traffic.under_way;
  Reviewer::Shortcut shortcut;
  if (MayHasten(*outgoing, kind)) {
    outgoing->may_hasten = true;
    CountUnacknowledged(outgoing->bytes);
    shortcut = [self = shared_from_this(), outgoing](const auto& accepted) {
      self->Hasten(*outgoing, accepted);
    };
  }
  parts_.reviewer.Review(
      std::move(request),
      [self = shared_from_this(), outgoing, kind](auto answer) {
        self->OnReviewed(*outgoing, kind, std::move(answer));
      },
      std::move(shortcut));
}

// Whether the next thing that happens to an accepted message can only be that it is published:
// nothing of its client is before it, and what comes later waits for it.
bool Session::MayHasten(const Outgoing& outgoing, ChatMessage::KindCase kind) const {
  const bool is_next = outbox_.size() == 1 && !claiming_ && !paused_;
  const bool is_small = !outgoing.slow && outgoing.bytes < Reviewer::kPromptBytes;
  // So that counting it does not keep its client from being read.
  const bool has_room = unacknowledged_ + 1 < kMaxUnacknowledged &&
                        unacknowledged_bytes_ + outgoing.bytes < Outbox::kMaxBytes;
  return is_next && is_small && has_room && kind != ChatMessage::kNewcomer;
}

// On the thread that brings the verdict. Touches nothing that the session's thread may look at
// before that hears of the verdict.
void Session::Hasten(Outgoing& outgoing, const moderation::v1::Acceptance& accepted) {
  Note(outgoing.trace, "reviewed", "verdict", "accepted");
  outgoing.hastened = true;
  GiveToPublisher(
      outgoing, accepted.message().SerializeAsString(), accepted.stored(),
      {codec::KindName(accepted.message().kind_case()), outgoing.bytes, false, outgoing.trace});
  parts_.publisher.Flush();
}

void Session::OnReviewed(Outgoing& outgoing, ChatMessage::KindCase kind,
                         absl::StatusOr<moderation::v1::ReviewResponse> answer) {
  if (outgoing.hastened) {
    outgoing.step = Step::kHastened;
    return Advance();
  }
  if (outgoing.may_hasten) CountAcknowledged(outgoing.bytes);  // it was not
  if (!answer.ok()) {
    const std::string what(codec::KindName(kind));
    const bool busy = answer.status().code() == absl::StatusCode::kResourceExhausted;
    outgoing.step = Step::kRefuse;
    outgoing.reason = busy ? what + ": not delivered, too many are being worked on; try again"
                           : what + ": not delivered, the server can't check it now; try again";
    outgoing.label = busy ? "moderation_busy" : "moderation_away";
  } else if (answer->has_accepted()) {
    Accept(outgoing, std::move(*answer->mutable_accepted()));
  } else {
    Reject(outgoing, answer->rejected().violations());
  }
  const std::string_view refused = outgoing.label;
  Note(outgoing.trace, "reviewed", "verdict",
       outgoing.step == Step::kRefuse ? refused : "accepted");
  if (outgoing.step == Step::kRefuse && !outgoing.slow) Settle();
  Advance();
}

// A message is not on its way into the channel any more.
void Session::Settle() {
  --parts_.traffic.under_way;
  parts_.traffic.end_of_turn.Request();
}

void Session::Accept(Outgoing& outgoing, moderation::v1::Acceptance accepted) {
  outgoing.message = std::move(*accepted.mutable_message());
  outgoing.stored = accepted.stored();
  outgoing.step = outgoing.message.has_newcomer() ? Step::kRegister : Step::kPublish;
}

void Session::Reject(Outgoing& outgoing, const codec::Violations& violations) {
  outgoing.step = Step::kRefuse;
  outgoing.reason = codec::JoinWords(violations);
  outgoing.label = codec::CodeLabel(violations.empty() ? codec::Violation::CODE_UNSPECIFIED
                                                       : violations[0].code());
}

void Session::RefuseAtTurn(size_t bytes, std::string reason, std::string label) {
  const auto outgoing = outbox_.Add(bytes);
  outgoing->step = Step::kRefuse;
  outgoing->reason = std::move(reason);
  outgoing->label = std::move(label);
  Advance();
}

bool Session::HasUnderWay() const {
  if (!outbox_.empty() || unacknowledged_ > 0) return true;
  const hub::Place said = parts_.publisher.place(identity_.channel);
  const hub::Place heard = parts_.hub.place(identity_.channel);
  return said.epoch != 0 && (heard.epoch != said.epoch || heard.offset < said.offset);
}

void Session::Advance() {
  const bool was_pressed = !CanTakeMore();
  while (const auto* front = outbox_.Front()) {
    if (paused_ || !Perform(**front)) break;
    outbox_.Pop();
  }
  if (was_pressed && CanTakeMore() && wire_ != nullptr) wire_->ResumeReading();
}

// False: it is not its turn yet.
bool Session::Perform(Outgoing& outgoing) {
  switch (outgoing.step) {
    case Step::kReviewing:
      return false;
    case Step::kRefuse:
      Tell(std::move(outgoing.reason), outgoing.label);
      return true;
    case Step::kPublish:
      Publish(outgoing);
      return true;
    case Step::kRegister:
      // What the client said before stands before its new name, what it says next behind it.
      if (wire_ == nullptr) {
        Settle();
        return true;
      }
      if (unacknowledged_ > 0 || claiming_) return false;
      Register(outgoing.message.newcomer().newcomer(), outgoing.trace);
      return true;
    case Step::kUnregister:
      if (unacknowledged_ > 0 || claiming_) return false;
      // A client gives back its own nickname only; the end of a session gives back any.
      if (wire_ != nullptr &&
          (nickname.empty() || outgoing.message.exiter().exiter() != nickname)) {
        return true;
      }
      Unregister();
      return true;
    case Step::kHastened:
      return true;
  }
  return true;
}

void Session::Publish(Outgoing& outgoing) {
  std::string message = outgoing.message.SerializeAsString();
  const Published published{codec::KindName(outgoing.message.kind_case()), message.size(),
                            outgoing.slow, outgoing.trace};
  CountUnacknowledged(published.bytes);
  GiveToPublisher(outgoing, std::move(message), outgoing.stored, published);
  parts_.traffic.end_of_turn.Request();
}

// On any thread.
void Session::GiveToPublisher(const Outgoing& outgoing, std::string message, bool stored,
                              const Published& published) {
  parts_.publisher.Publish(
      identity_.channel, std::move(message), stored,
      [self = shared_from_this(), published, executor = executor_](absl::Status status) mutable {
        asio::post(executor, [self = std::move(self), published, status = std::move(status)] {
          self->OnPublished(published, status);
        });
      },
      outgoing.read, outgoing.trace);
}

void Session::CountUnacknowledged(size_t bytes) {
  ++unacknowledged_;
  unacknowledged_bytes_ += bytes;
}

void Session::CountAcknowledged(size_t bytes) {
  --unacknowledged_;
  unacknowledged_bytes_ -= bytes;
}

void Session::OnPublished(const Published& published, const absl::Status& status) {
  const bool was_pressed = !CanTakeMore();
  if (!published.slow) Settle();
  CountAcknowledged(published.bytes);
  Note(published.trace, "published", "outcome", status.ok() ? "ok" : "failed");
  if (status.code() == absl::StatusCode::kUnknown) {
    Tell(std::string(published.kind) +
             ": may not have been delivered, the server got no answer in time",
         "outcome_unknown");
  } else if (!status.ok()) {
    Tell(
        std::string(published.kind) + ": not delivered, the server can't pass it on now; try again",
        "not_delivered");
  }
  if (unacknowledged_ == 0) Advance();
  if (was_pressed && CanTakeMore() && wire_ != nullptr) wire_->ResumeReading();
}

void Session::Register(const std::string& wanted, const trace::v1::Trace& trace) {
  claiming_ = true;
  ++parts_.traffic.claims;
  parts_.traffic.end_of_turn.Request();
  clients::NicknameClaim claim;
  claim.channel = identity_.channel;
  claim.connection = identity_.connection;
  claim.nickname = wanted;
  claim.previous_nickname = nickname;
  claim.trace = trace;
  claimed_nickname = wanted;
  previous_nickname_ = nickname;
  claim.done = [self = shared_from_this(), wanted, trace](auto outcome) {
    Note(trace, "registered", "outcome",
         outcome == clients::ClaimOutcome::kRegistered ? "registered" : "taken");
    asio::post(self->executor_, [self, wanted, outcome] { self->OnClaimed(wanted, outcome); });
  };
  claim.on_lost = [weak = weak_from_this(), executor = executor_, wanted] {
    asio::post(executor, [weak, wanted] {
      if (const auto self = weak.lock()) self->OnNicknameLost(wanted);
    });
  };
  parts_.lease.Register(std::move(claim));
  Pause();
}

uint64_t Session::Pause() {
  paused_ = true;
  const uint64_t pause = ++pauses_;
  After(executor_, kPausePatience, [weak = weak_from_this(), pause] {
    if (const auto self = weak.lock()) self->EndPause(pause);
  });
  return pause;
}

void Session::EndPause(uint64_t pause) {
  if (!paused_ || pause != pauses_) return;  // it has ended; this may be another
  paused_ = false;
  Advance();
}

// False: there was none.
bool Session::EndClaim() {
  if (!std::exchange(claiming_, false)) return false;
  --parts_.traffic.claims;
  Settle();
  return true;
}

void Session::OnClaimed(const std::string& wanted, clients::ClaimOutcome outcome) {
  EndClaim();
  paused_ = false;
  claimed_nickname.clear();
  const bool registered = outcome == clients::ClaimOutcome::kRegistered;
  nickname = registered ? wanted : previous_nickname_;
  if (!registered) {
    Tell(TakenWords(wanted), "nickname_taken");
  }
  Advance();
}

void Session::OnNicknameLost(const std::string& lost) {
  // While another is claimed the old one may show as that already.
  const bool was_previous = claiming_ && previous_nickname_ == lost;
  if (nickname != lost && !was_previous) return;
  if (nickname == lost) nickname.clear();
  if (was_previous) previous_nickname_.clear();
  Tell(TakenWords(lost), "nickname_lost");
}

void Session::Unregister() {
  nickname.clear();
  const uint64_t pause = Pause();
  parts_.lease.Unregister(identity_.channel, identity_.connection,
                          [self = shared_from_this(), pause] {
                            asio::post(self->executor_, [self, pause] { self->EndPause(pause); });
                          });
}

void Session::OnClosed() {
  if (wire_ == nullptr) return;
  wire_ = nullptr;
  ready_ = nullptr;
  parts_.metrics.OnDisconnected(identity_.api);
  parts_.hub.Leave(*this);
  parts_.lease.Disconnect(identity_.channel);
  const bool was_claiming = EndClaim();  // its outcome is told to nobody now
  if (was_claiming || outbox_.HasSlowReview()) {
    // The name is free at once; an image that is still being looked at comes later.
    return Unregister();
  }
  outbox_.Add(0)->step = Step::kUnregister;
  Advance();
}

void Session::Tell(std::string reason, std::string_view label) {
  parts_.metrics.OnUncompliant(label);
  if (wire_ == nullptr) return;
  ChatMessage message;
  message.set_id(base::RandomUuid());
  message.set_timestamp(absl::ToUnixSeconds(absl::Now()));
  message.mutable_uncompliant()->set_reason(std::move(reason));
  const auto json = codec::EncodeMessage(message, shape);
  wire_->Queue(codec::MakeTextFrame(*json), /*counted=*/true);
  wire_->Flush();
}

std::string Session::TakenWords(const std::string& wanted) const {
  const char* place = identity_.api == codec::Api::kRooms ? "room" : "channel";
  return "User '" + wanted + "' already registered in " + place + " " + identity_.channel;
}

void Session::Queue(const codec::SharedBytes& frame) { wire_->Queue(frame, /*counted=*/true); }

void Session::QueueReplay(const codec::SharedBytes& frame) {
  wire_->Queue(frame, /*counted=*/false);
}

void Session::Flush() { wire_->Flush(); }

void Session::Show(const std::vector<codec::SharedBytes>& frames) { wire_->Show(frames); }

}  // namespace gischat::edge::session
