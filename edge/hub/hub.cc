#include "edge/hub/hub.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/clock.h"
#include "common/base/random_id.h"
#include "common/trace/trace.h"
#include "edge/codec/message_encoder.h"

namespace gischat::edge::hub {
namespace {

using chat::v1::ChatMessage;

// The count as a message for one client, when no event of the channel carries it.
codec::SharedBytes CountFrame(const Count& count, codec::Shape shape) {
  ChatMessage message;
  message.set_id(base::RandomUuid());
  message.set_timestamp(absl::ToUnixSeconds(base::SystemClock().Now()));
  message.mutable_nb_users()->set_nb_users(count.connections);
  return Broadcast(std::move(message)).Frame(shape);
}

// Before it is queued, so that the line stands in the log when a client has it.
void NoteDelivery(const Broadcast& broadcast, const ChannelMembers& channel) {
  const ChatMessage& message = broadcast.message();
  if (!message.has_trace() || !trace::IsLogged()) return;
  trace::LogStep(message.trace(), "delivered",
                 {{"channel", channel.name()},
                  {"kind", codec::KindName(message.kind_case())},
                  {"members", std::to_string(channel.members().size())}});
}

}  // namespace

Hub::Hub(const std::vector<std::string>& channels, DeliveryObserver& observer,
         size_t compress_bytes)
    : observer_(observer), compressor_(compress_bytes, observer) {
  for (const std::string& channel : channels) channels_.try_emplace(channel, channel);
}

bool Hub::HasChannel(std::string_view channel) const {
  const auto found = channels_.find(channel);
  return found != channels_.end() && !found->second.closed;
}

void Hub::Open(const std::string& channel) {
  channels_.try_emplace(channel, channel).first->second.closed = false;
}

void Hub::Close(std::string_view channel) {
  const auto found = channels_.find(channel);
  if (found != channels_.end()) found->second.closed = true;
}

void Hub::Forget(std::string_view channel) {
  const auto found = channels_.find(channel);
  if (found == channels_.end() || !found->second.closed) return;
  if (!found->second.members.members().empty() || !found->second.waiting.empty()) return;
  channels_.erase(found);
}

Place Hub::place(std::string_view channel) const {
  const auto found = channels_.find(channel);
  return found == channels_.end() ? Place() : found->second.members.place();
}

void Hub::Apply(const std::vector<Updates>& batch) {
  for (const Updates& updates : batch) {
    for (const ChannelUpdate& update : *updates) Take(update);
  }
  for (Channel* channel : std::exchange(open_runs_, {})) EndRun(*channel, /*is_last=*/true);
  FlushAll();
}

void Hub::Take(const ChannelUpdate& update) {
  const auto found = channels_.find(update.channel);
  if (found == channels_.end()) return;
  Channel& channel = found->second;
  ChannelMembers& members = channel.members;
  if (!update.is_snapshot) {
    for (const Happening& happening : update.happenings) {
      if (members.Advance(happening)) Deliver(channel, happening.broadcast);
    }
    return;
  }
  if (members.has_window()) observer_.OnRestart(members.name());
  for (const Happening& unseen : members.Restart(update)) Deliver(channel, unseen.broadcast);
  EndRun(channel);  // those who are let in now have it in their replay
  for (Waiting& entrant : std::exchange(channel.waiting, {})) LetIn(channel, std::move(entrant));
}

void Hub::Join(Member& member, std::string_view channel, const Count* count,
               std::function<void()> joined) {
  Channel& entered = channels_.find(channel)->second;
  Waiting entrant{&member, count != nullptr, count ? *count : Count{}, std::move(joined)};
  if (!entered.members.has_window()) {
    entered.waiting.push_back(std::move(entrant));
    return;
  }
  LetIn(entered, std::move(entrant));
  FlushAll();
}

void Hub::LetIn(Channel& channel, Waiting entrant) {
  Member& member = *entrant.member;
  channel.members.Add(member);
  ++member_count_;
  const bool count_first = member.shape == codec::Shape::kRooms;
  const auto tell_count = [&] {
    if (entrant.has_count) {
      QueueCount(member, entrant.count, CountFrame(entrant.count, member.shape));
    }
  };
  if (count_first) tell_count();
  for (const Happening& stored : channel.members.window()) {
    const codec::SharedBytes& frame = stored.broadcast->Frame(member.shape, CompressorFor(member));
    if (frame == nullptr) continue;
    member.QueueReplay(frame);
    MarkForFlush(member);
  }
  if (!count_first) tell_count();
  entrant.joined();
}

std::vector<Hub::Waiting*> Hub::FindWaiting(const Member& member) {
  std::vector<Waiting*> found;
  for (auto& [name, channel] : channels_) {
    for (Waiting& waiting : channel.waiting) {
      if (waiting.member == &member) found.push_back(&waiting);
    }
  }
  return found;
}

void Hub::TellCount(Member& member, const Count& count) {
  if (member.channel_ == nullptr) {
    for (Waiting* entrant : FindWaiting(member)) {
      entrant->has_count = true;
      entrant->count = count;
    }
    return;
  }
  QueueCount(member, count, CountFrame(count, member.shape));
  FlushAll();
}

void Hub::TellCount(std::string_view channel, const Count& count) {
  const auto found = channels_.find(channel);
  if (found == channels_.end()) return;
  std::array<codec::SharedBytes, codec::kShapes> frames;
  for (Member* member : found->second.members.members()) {
    if (member->was_told_count_ && count.revision <= member->told_.revision) continue;
    codec::SharedBytes& frame = frames[static_cast<size_t>(member->shape)];
    if (frame == nullptr) frame = CountFrame(count, member->shape);
    QueueCount(*member, count, frame);
  }
  FlushAll();
}

void Hub::Leave(Member& member) {
  if (member.needs_flush_) {
    member.needs_flush_ = false;
    to_flush_.erase(std::find(to_flush_.begin(), to_flush_.end(), &member));
  }
  if (member.channel_ != nullptr) {
    member.channel_->Remove(member);
    --member_count_;
    return;
  }
  for (auto& [name, channel] : channels_) {
    std::erase_if(channel.waiting,
                  [&](const Waiting& waiting) { return waiting.member == &member; });
  }
}

void Hub::Deliver(Channel& channel, const BroadcastPtr& broadcast) {
  const ChatMessage& message = broadcast->message();
  if (message.has_nb_users() || message.has_like()) {
    EndRun(channel);
    if (message.has_like()) return DeliverLike(channel.members, *broadcast);
    return DeliverCount(channel.members, *broadcast);
  }
  if (message.has_newcomer()) GrantNickname(channel.members, *broadcast);
  if (channel.run.empty()) open_runs_.push_back(&channel);
  channel.run.Add(broadcast);
}

void Hub::EndRun(Channel& channel, bool is_last) {
  if (channel.run.empty()) return;
  Run run = std::exchange(channel.run, {});
  for (const BroadcastPtr& message : run.messages()) NoteDelivery(*message, channel.members);
  std::array<uint64_t, codec::kShapes> clients{};
  for (Member* member : channel.members.members()) {
    const std::vector<codec::SharedBytes>& pieces =
        run.Pieces(member->shape, CompressorFor(*member));
    ++clients[static_cast<size_t>(member->shape)];
    if (pieces.empty()) continue;
    if (is_last && !member->needs_flush_) {
      member->Show(pieces);  // of ten thousand, nothing is in a cache when one comes by again
    } else {
      for (const codec::SharedBytes& piece : pieces) Queue(*member, piece);
    }
  }
  for (const BroadcastPtr& message : run.messages()) {
    uint64_t shown = 0;
    for (size_t shape = 0; shape < clients.size(); ++shape) {
      if (clients[shape] == 0) continue;
      if (message->Frame(static_cast<codec::Shape>(shape)) != nullptr) shown += clients[shape];
    }
    observer_.OnDelivered(message->message().kind_case(), shown);
  }
}

// Who sees the newcomer may like it at once.
void Hub::GrantNickname(ChannelMembers& channel, const Broadcast& broadcast) {
  const std::string& newcomer = broadcast.message().newcomer().newcomer();
  for (Member* member : channel.members()) {
    if (member->claimed_nickname == newcomer) member->nickname = newcomer;
  }
}

void Hub::DeliverCount(ChannelMembers& channel, const Broadcast& broadcast) {
  const chat::v1::NbUsers& message = broadcast.message().nb_users();
  const Count count{message.nb_users(), message.revision()};
  uint64_t clients = 0;
  for (Member* member : channel.members()) {
    if (QueueCount(*member, count, broadcast.Frame(member->shape))) ++clients;
  }
  observer_.OnDelivered(ChatMessage::kNbUsers, clients);
}

void Hub::DeliverLike(ChannelMembers& channel, const Broadcast& broadcast) {
  NoteDelivery(broadcast, channel);
  const std::string& liked = broadcast.message().like().liked_author();
  uint64_t clients = 0;
  for (Member* member : channel.members()) {
    if (member->nickname != liked) continue;
    Queue(*member, broadcast.Frame(member->shape));
    ++clients;
  }
  observer_.OnDelivered(ChatMessage::kLike, clients);
}

bool Hub::QueueCount(Member& member, const Count& count, const codec::SharedBytes& frame) {
  // Who hears it is there. Presence has not heard of this edge for too long, and is about to.
  if (count.connections == 0) return false;
  if (member.was_told_count_) {
    if (count.revision <= member.told_.revision) return false;
    const bool same = count.connections == member.told_.connections;
    member.told_ = count;
    if (same) return false;
  }
  member.was_told_count_ = true;
  member.told_ = count;
  Queue(member, frame);
  return true;
}

void Hub::Queue(Member& member, const codec::SharedBytes& frame) {
  member.Queue(frame);
  MarkForFlush(member);
}

void Hub::MarkForFlush(Member& member) {
  if (member.needs_flush_) return;
  member.needs_flush_ = true;
  to_flush_.push_back(&member);
}

void Hub::FlushAll() {
  for (Member* member : std::exchange(to_flush_, {})) {
    member->needs_flush_ = false;
    member->Flush();
  }
}

}  // namespace gischat::edge::hub
