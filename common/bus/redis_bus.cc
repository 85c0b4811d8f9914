#include "common/bus/redis_bus.h"

#include <spdlog/spdlog.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <map>
#include <mutex>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/bus/channel_script.h"
#include "common/bus/redis_event.h"
#include "common/bus/redis_scripts.h"
#include "common/redis/client.h"
#include "common/redis/subscriber.h"

namespace gischat::bus {
namespace {

using redis::Reply;

constexpr absl::Duration kSeriesLifetime = absl::Minutes(10);

struct ChannelScripts {
  redis::Script publish{"publish", ScriptThatAppends(kPublishLua)};
  redis::Script read_history{"read_history", ScriptThatAppends(kReadHistoryLua)};
  redis::Script read_log{"read_log", ScriptThatAppends(kReadLogLua)};
};

const ChannelScripts& AllScripts() {
  static const auto* const scripts = new ChannelScripts();
  return *scripts;
}

// The interface knows fewer kinds of failure than Redis has.
absl::Status BusError(const absl::Status& status) {
  if (status.code() == absl::StatusCode::kFailedPrecondition) {
    return absl::UnavailableError(status.message());
  }
  return status;
}

absl::Status Nonsense(std::string_view script) {
  return absl::InternalError(absl::StrCat("redis answered nonsense to ", std::string(script)));
}

bool ReadPosition(const Reply& epoch, const Reply& offset, Position* position) {
  return absl::SimpleAtoi(epoch.text, &position->epoch) &&
         absl::SimpleAtoi(offset.text, &position->offset);
}

bool ReadEvents(Reply& list, std::vector<EventPtr>* events) {
  if (!list.is_array()) return false;
  events->reserve(list.elements.size());
  for (Reply& packed : list.elements) {
    std::optional<Event> event = ParseRedisEvent(packed.text);
    if (!event) return false;
    events->push_back(std::make_shared<const Event>(*std::move(event)));
    packed.text = std::string();  // large logs need not be there twice
  }
  return true;
}

absl::StatusOr<Receipt> ReadReceipt(const Reply& reply) {
  using Outcome = Receipt::Outcome;
  Receipt receipt;
  if (reply.elements.size() != 4 ||
      !absl::SimpleAtoi(reply.elements[1].text, &receipt.next_sequence) ||
      !ReadPosition(reply.elements[2], reply.elements[3], &receipt.position)) {
    return Nonsense("publish");
  }
  const std::string& outcome = reply.elements[0].text;
  receipt.outcome = outcome == "PUBLISHED" ? Outcome::kPublished
                    : outcome == "GAP"     ? Outcome::kGap
                                           : Outcome::kExpired;
  return receipt;
}

absl::StatusOr<Snapshot> ReadSnapshot(Reply reply) {
  Snapshot snapshot;
  if (reply.elements.size() != 3 ||
      !ReadPosition(reply.elements[0], reply.elements[1], &snapshot.position) ||
      !ReadEvents(reply.elements[2], &snapshot.history)) {
    return Nonsense("read_history");
  }
  return snapshot;
}

absl::StatusOr<LogSlice> ReadSlice(Reply reply) {
  LogSlice slice;
  if (reply.elements.size() != 4 ||
      !ReadPosition(reply.elements[0], reply.elements[1], &slice.position) ||
      !ReadEvents(reply.elements[3], &slice.events)) {
    return Nonsense("read_log");
  }
  slice.complete = reply.elements[2].integer == 1;
  return slice;
}

// Hands an answer on, read by `read`.
template <typename T, typename Read>
base::Callback<Reply> Then(Read read, base::Callback<T> done) {
  return [read, done = std::move(done)](absl::StatusOr<Reply> reply) mutable {
    if (!reply.ok()) return std::move(done)(BusError(reply.status()));
    std::move(done)(read(*std::move(reply)));
  };
}

}  // namespace

// Who listens to which channel. Thread-safe; outlives the bus while subscriptions exist.
class RedisBus::Listeners : public std::enable_shared_from_this<Listeners> {
 public:
  Listeners(boost::asio::io_context& loop, redis::Subscriber& subscriber)
      : loop_(loop), subscriber_(subscriber) {}

  // `name`: of the channel in Redis.
  std::unique_ptr<Subscription> Add(const std::string& name, std::shared_ptr<Listener> listener);

  void OnMessage(std::string_view name, const std::string& packed);
  void OnResubscribed(std::string_view name);

 private:
  struct Entry {
    std::shared_ptr<Listener> listener;
    std::atomic<bool> ended = false;
  };
  using EntryPtr = std::shared_ptr<Entry>;
  struct Channel {
    std::vector<EntryPtr> entries;
    bool heard = false;
  };
  class Ticket;

  void Remove(const std::string& name, const EntryPtr& entry);
  std::vector<EntryPtr> Entries(std::string_view name, bool resubscribed);

  boost::asio::io_context& loop_;
  redis::Subscriber& subscriber_;
  std::mutex mutex_;
  std::map<std::string, Channel, std::less<>> channels_;  // guarded by mutex_
};

class RedisBus::Listeners::Ticket : public Subscription {
 public:
  Ticket(std::shared_ptr<Listeners> listeners, std::string name, EntryPtr entry)
      : listeners_(std::move(listeners)), name_(std::move(name)), entry_(std::move(entry)) {}
  ~Ticket() override {
    entry_->ended = true;
    listeners_->Remove(name_, entry_);
  }

 private:
  const std::shared_ptr<Listeners> listeners_;
  const std::string name_;
  const EntryPtr entry_;
};

std::unique_ptr<MessageBus::Subscription> RedisBus::Listeners::Add(
    const std::string& name, std::shared_ptr<Listener> listener) {
  auto entry = std::make_shared<Entry>();
  entry->listener = std::move(listener);
  const std::lock_guard lock(mutex_);
  Channel& channel = channels_[name];
  channel.entries.push_back(entry);
  if (channel.entries.size() == 1) {
    subscriber_.Add(name);  // only enqueues
  } else if (channel.heard) {
    boost::asio::post(loop_, [entry] {
      if (!entry->ended) entry->listener->OnResumed();
    });
  }
  return std::make_unique<Ticket>(shared_from_this(), name, std::move(entry));
}

void RedisBus::Listeners::Remove(const std::string& name, const EntryPtr& entry) {
  const std::lock_guard lock(mutex_);
  const auto found = channels_.find(name);
  std::erase(found->second.entries, entry);
  if (!found->second.entries.empty()) return;
  channels_.erase(found);
  subscriber_.Remove(name);
}

std::vector<RedisBus::Listeners::EntryPtr> RedisBus::Listeners::Entries(std::string_view name,
                                                                        bool resubscribed) {
  const std::lock_guard lock(mutex_);
  const auto found = channels_.find(name);
  if (found == channels_.end()) return {};
  if (resubscribed) found->second.heard = true;
  return found->second.entries;
}

void RedisBus::Listeners::OnMessage(std::string_view name, const std::string& packed) {
  const std::vector<EntryPtr> entries = Entries(name, false);
  if (entries.empty()) return;
  std::optional<Event> parsed = ParseRedisEvent(packed);
  if (!parsed) {
    spdlog::error("redis: {}: {} bytes that are no event", name, packed.size());
    return;
  }
  const EventPtr event = std::make_shared<const Event>(*std::move(parsed));
  for (const EntryPtr& entry : entries) {
    if (!entry->ended) entry->listener->OnEvent(event);
  }
}

void RedisBus::Listeners::OnResubscribed(std::string_view name) {
  for (const EntryPtr& entry : Entries(name, true)) {
    if (!entry->ended) entry->listener->OnResumed();
  }
}

RedisBus::RedisBus(boost::asio::io_context& loop, redis::Client& client,
                   redis::Subscriber& subscriber, std::string instance, Limits limits)
    : client_(client),
      instance_(std::move(instance)),
      limits_(limits),
      listeners_(std::make_shared<Listeners>(loop, subscriber)) {
  subscriber.OnMessage([listeners = listeners_](std::string_view name, const std::string& packed) {
    listeners->OnMessage(name, packed);
  });
  subscriber.OnResubscribed(
      [listeners = listeners_](std::string_view name) { listeners->OnResubscribed(name); });
}

RedisBus::~RedisBus() = default;

std::vector<const redis::Script*> RedisBus::Scripts() {
  const ChannelScripts& scripts = AllScripts();
  return {&scripts.publish, &scripts.read_history, &scripts.read_log};
}

void RedisBus::Publish(std::string channel, Batch batch, base::Callback<Receipt> done) {
  std::vector<std::string> keys = AppendKeys(instance_, channel);
  keys.push_back(ChannelKey(instance_, channel, absl::StrCat("series:", batch.publisher)));
  int64_t deadline_ms = 0;
  if (batch.deadline != absl::InfiniteFuture()) {
    deadline_ms = std::max(int64_t{1}, absl::ToUnixMillis(batch.deadline + client_.clock_offset()));
  }
  std::vector<std::string> arguments =
      AppendArguments(instance_, channel, client_.database(), limits_);
  arguments.reserve(arguments.size() + 5 + 2 * batch.drafts.size());
  arguments.push_back(std::move(batch.publisher));
  arguments.push_back(std::to_string(batch.first_sequence));
  arguments.push_back(std::to_string(deadline_ms));
  arguments.push_back(std::to_string(absl::ToInt64Milliseconds(kSeriesLifetime)));
  arguments.emplace_back(batch.after_gap ? "1" : "0");
  for (Draft& draft : batch.drafts) {
    arguments.emplace_back(draft.stored ? "1" : "0");
    arguments.push_back(std::move(draft.payload));
  }
  client_.Run(AllScripts().publish, std::move(keys), std::move(arguments),
              Then<Receipt>(ReadReceipt, std::move(done)));
}

void RedisBus::ReadHistory(std::string channel, base::Callback<Snapshot> done) {
  client_.Run(AllScripts().read_history, AppendKeys(instance_, channel),
              AppendArguments(instance_, channel, client_.database(), limits_),
              Then<Snapshot>(ReadSnapshot, std::move(done)));
}

void RedisBus::ReadLog(std::string channel, Position after, base::Callback<LogSlice> done) {
  std::vector<std::string> arguments =
      AppendArguments(instance_, channel, client_.database(), limits_);
  arguments.push_back(std::to_string(after.epoch));
  arguments.push_back(std::to_string(after.offset));
  client_.Run(AllScripts().read_log, AppendKeys(instance_, channel), std::move(arguments),
              Then<LogSlice>(ReadSlice, std::move(done)));
}

std::unique_ptr<MessageBus::Subscription> RedisBus::Subscribe(std::string channel,
                                                              std::shared_ptr<Listener> listener) {
  return listeners_->Add(EventsName(instance_, channel, client_.database()), std::move(listener));
}

}  // namespace gischat::bus
