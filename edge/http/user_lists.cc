#include "edge/http/user_lists.h"

#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <utility>

#include "edge/http/exchange.h"

namespace gischat::edge::http {
namespace {

using presence::v1::ListUsersResponse;

// Whether nicknames may be others than before, as far as clients are told.
bool ChangesNicknames(const hub::ChannelUpdate& update) {
  if (update.is_snapshot || update.happenings.empty()) return true;  // none: it can't be read
  return std::any_of(update.happenings.begin(), update.happenings.end(),
                     [](const hub::Happening& happening) {
                       const chat::v1::ChatMessage& message = happening.broadcast->message();
                       return message.has_newcomer() || message.has_exiter();
                     });
}

absl::StatusOr<UserLists::Json> Render(const absl::StatusOr<ListUsersResponse>& answer) {
  if (!answer.ok()) return answer.status();
  return std::make_shared<const std::string>(
      JsonList({answer->nicknames().begin(), answer->nicknames().end()}));
}

}  // namespace

struct UserLists::Channel {
  using Askers = std::vector<base::Callback<Json>>;

  std::string name;
  uint64_t epoch = 0;  // of the last update; Apply()'s

  std::mutex mutex;      // guards what follows
  uint64_t changes = 0;  // of nicknames, heard so far
  Json kept;             // null: none
  Clock::time_point kept_asked;

  bool asking = false;        // presence, about
  uint64_t asked_change = 0;  // the nicknames after that change at least,
  Clock::time_point asked;    // since then,
  Askers askers;              // for these;
  Askers later;               // and once more for these
};

UserLists::UserLists(clients::PresenceClient& presence, const std::vector<std::string>& channels,
                     prometheus::Registry& registry)
    : presence_(presence) {
  for (const std::string& name : channels) Add(name);
  auto& requests = prometheus::BuildCounter()
                       .Name("gischat_edge_user_list_requests_total")
                       .Help(
                           "Lists of nicknames asked for, by where they came from: kept, shared "
                           "with somebody who asked meanwhile, or presence")
                       .Register(registry);
  kept_ = &requests.Add({{"source", "kept"}});
  shared_ = &requests.Add({{"source", "shared"}});
  asked_ = &requests.Add({{"source", "presence"}});
}

UserLists::~UserLists() = default;

void UserLists::Add(const std::string& name) {
  const std::lock_guard lock(mutex_);
  ChannelPtr& channel = channels_[name];
  if (channel != nullptr) return;
  channel = std::make_shared<Channel>();
  channel->name = name;
}

void UserLists::Remove(const std::string& name) {
  const std::lock_guard lock(mutex_);
  channels_.erase(name);
}

UserLists::ChannelPtr UserLists::Find(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = channels_.find(name);
  return found == channels_.end() ? nullptr : found->second;
}

void UserLists::Get(const std::string& name, base::Callback<Json> done, Clock::time_point now) {
  const ChannelPtr found = Find(name);
  if (found == nullptr) return std::move(done)(absl::NotFoundError("no such channel"));
  Channel& channel = *found;
  {
    std::unique_lock lock(channel.mutex);
    if (channel.kept != nullptr && now - channel.kept_asked < kTimeToLive) {
      Json kept = channel.kept;
      lock.unlock();
      kept_->Increment();
      return std::move(done)(std::move(kept));
    }
    if (channel.asking) {
      const bool too_old = channel.asked_change != channel.changes;
      Channel::Askers& askers = too_old ? channel.later : channel.askers;
      (askers.empty() ? asked_ : shared_)->Increment();
      askers.push_back(std::move(done));
      return;
    }
    channel.asking = true;
    channel.asked_change = channel.changes;
    channel.asked = now;
    channel.askers.push_back(std::move(done));
  }
  asked_->Increment();
  Ask(found);
}

void UserLists::Apply(const std::vector<hub::ChannelUpdate>& updates) {
  for (const hub::ChannelUpdate& update : updates) {
    const ChannelPtr found = Find(update.channel);
    if (found == nullptr) continue;
    Channel& channel = *found;
    const uint64_t last_epoch = std::exchange(channel.epoch, update.place.epoch);
    if (last_epoch == channel.epoch && !ChangesNicknames(update)) continue;
    const std::lock_guard lock(channel.mutex);
    ++channel.changes;
    channel.kept.reset();
  }
}

void UserLists::Ask(const ChannelPtr& channel) {
  presence::v1::ListUsersRequest request;
  request.set_channel(channel->name);
  presence_.ListUsers(std::move(request),
                      [this, channel](const absl::StatusOr<ListUsersResponse>& answer) {
                        TakeAnswer(channel, answer);
                      });
}

void UserLists::TakeAnswer(const ChannelPtr& asked,
                           const absl::StatusOr<ListUsersResponse>& answer) {
  Channel& channel = *asked;
  const absl::StatusOr<Json> json = Render(answer);
  Channel::Askers askers;
  bool once_more = false;
  {
    const std::lock_guard lock(channel.mutex);
    const bool is_new = channel.asked_change == channel.changes;
    channel.kept = json.ok() && is_new ? *json : nullptr;
    channel.kept_asked = channel.asked;
    askers = std::exchange(channel.askers, std::exchange(channel.later, {}));
    once_more = channel.asking = !channel.askers.empty();
    channel.asked_change = channel.changes;
    channel.asked = Clock::now();
  }
  if (once_more) Ask(asked);
  for (base::Callback<Json>& done : askers) std::move(done)(json);
}

}  // namespace gischat::edge::http
