#include "common/bus/memory_bus.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

#include "common/base/random_id.h"
#include "common/loop/doorbell.h"

namespace gischat::bus {
namespace {

constexpr absl::Duration kSeriesLifetime = absl::Minutes(10);
constexpr absl::Duration kSweepInterval = absl::Minutes(1);

}  // namespace

// Who listens to which channel, and what they are still to hear, in order. Thread-safe.
class MemoryBus::Deliveries {
 public:
  struct Entry {
    std::shared_ptr<Listener> listener;
    std::atomic<bool> ended = false;
  };
  using EntryPtr = std::shared_ptr<Entry>;
  using EntryList = std::shared_ptr<const std::vector<EntryPtr>>;

  static std::shared_ptr<Deliveries> On(boost::asio::io_context& loop) {
    auto deliveries = std::make_shared<Deliveries>();
    deliveries->bell_.emplace(loop, [weak = std::weak_ptr<Deliveries>(deliveries)] {
      if (const auto self = weak.lock()) self->DeliverAll();
    });
    return deliveries;
  }

  EntryPtr Add(const std::string& channel, std::shared_ptr<Listener> listener) {
    auto entry = std::make_shared<Entry>();
    entry->listener = std::move(listener);
    {
      const std::lock_guard lock(mutex_);
      EntryList& list = lists_[channel];
      auto longer = list == nullptr ? std::vector<EntryPtr>() : *list;
      longer.push_back(entry);
      list = std::make_shared<const std::vector<EntryPtr>>(std::move(longer));
      waiting_.push_back({std::make_shared<const std::vector<EntryPtr>>(1, entry), nullptr});
    }
    Wake();
    return entry;
  }

  void Remove(const std::string& channel, const EntryPtr& entry) {
    const std::lock_guard lock(mutex_);
    const auto found = lists_.find(channel);
    auto shorter = *found->second;
    std::erase(shorter, entry);
    if (shorter.empty()) {
      lists_.erase(found);
    } else {
      found->second = std::make_shared<const std::vector<EntryPtr>>(std::move(shorter));
    }
  }

  // Takes events, to be delivered after Wake(): the caller may hold a lock that the woken thread
  // would run into.
  void Take(std::string_view channel, std::vector<EventPtr> events) {
    const std::lock_guard lock(mutex_);
    const auto found = lists_.find(channel);
    if (found == lists_.end()) return;
    for (EventPtr& event : events) waiting_.push_back({found->second, std::move(event)});
  }

  void Wake() {
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty() || std::exchange(woken_, true)) return;
    }
    bell_->Ring();
  }

 private:
  struct Delivery {
    EntryList to;
    EventPtr event;  // none: the subscription started
  };

  void DeliverAll() {
    std::vector<Delivery> deliveries;
    {
      const std::lock_guard lock(mutex_);
      deliveries.swap(waiting_);
      woken_ = false;
    }
    for (const Delivery& delivery : deliveries) {
      for (const EntryPtr& entry : *delivery.to) {
        if (entry->ended) continue;
        if (delivery.event == nullptr) {
          entry->listener->OnResumed();
        } else {
          entry->listener->OnEvent(delivery.event);
        }
      }
    }
  }

  std::optional<loop::Doorbell> bell_;
  std::mutex mutex_;
  std::map<std::string, EntryList, std::less<>> lists_;  // guarded by mutex_
  std::vector<Delivery> waiting_;                        // guarded by mutex_
  bool woken_ = false;                                   // guarded by mutex_
};

class MemoryBus::Ticket : public Subscription {
 public:
  Ticket(std::shared_ptr<Deliveries> deliveries, std::string channel,
         std::shared_ptr<Listener> listener)
      : deliveries_(std::move(deliveries)),
        channel_(std::move(channel)),
        entry_(deliveries_->Add(channel_, std::move(listener))) {}
  ~Ticket() override {
    entry_->ended = true;
    deliveries_->Remove(channel_, entry_);
  }

 private:
  const std::shared_ptr<Deliveries> deliveries_;
  const std::string channel_;
  const Deliveries::EntryPtr entry_;
};

MemoryBus::MemoryBus(boost::asio::io_context& loop, Limits limits, const base::Clock& clock)
    : limits_(limits), clock_(clock), deliveries_(Deliveries::On(loop)) {}

MemoryBus::~MemoryBus() = default;

void MemoryBus::Publish(std::string channel, Batch batch, base::Callback<Receipt> done) {
  Receipt receipt;
  {
    const std::lock_guard lock(mutex_);
    receipt = PublishTo(Open(channel), channel, std::move(batch));
  }
  deliveries_->Wake();
  std::move(done)(receipt);
}

Receipt MemoryBus::PublishTo(Channel& channel, std::string_view name, Batch batch) {
  const absl::Time now = clock_.Now();
  SweepSeries(channel, now);
  const auto known = channel.series.find(batch.publisher);
  const uint64_t expected = known == channel.series.end() ? 1 : known->second.last + 1;
  const uint64_t end = batch.first_sequence + batch.drafts.size();
  Receipt receipt{.next_sequence = std::max(expected, end), .position = {}};
  if (batch.first_sequence > expected && !batch.after_gap) {
    receipt.outcome = Receipt::Outcome::kGap;
    receipt.next_sequence = expected;
  } else if (end > expected && now > batch.deadline) {
    receipt.outcome = Receipt::Outcome::kExpired;
    receipt.next_sequence = expected;
  } else {
    std::vector<EventPtr> events;
    for (uint64_t number = std::max(expected, batch.first_sequence); number < end; ++number) {
      Draft& draft = batch.drafts[number - batch.first_sequence];
      events.push_back(AppendTo(channel, {.position = {},
                                          .stored = draft.stored,
                                          .publisher = batch.publisher,
                                          .sequence = number,
                                          .payload = std::move(draft.payload)}));
    }
    TrimLog(channel, now);
    deliveries_->Take(name, std::move(events));
    channel.series[std::move(batch.publisher)] = {.last = receipt.next_sequence - 1, .used = now};
  }
  receipt.position = channel.position;
  return receipt;
}

Position MemoryBus::Append(std::string_view channel, std::string payload, bool stored,
                           std::string publisher) {
  Position position;
  {
    const std::lock_guard lock(mutex_);
    Channel& opened = Open(channel);
    EventPtr event = AppendTo(opened, {.position = {},
                                       .stored = stored,
                                       .publisher = std::move(publisher),
                                       .sequence = 0,
                                       .payload = std::move(payload)});
    TrimLog(opened, clock_.Now());
    deliveries_->Take(channel, {std::move(event)});
    position = opened.position;
  }
  deliveries_->Wake();
  return position;
}

MemoryBus::Channel& MemoryBus::Open(std::string_view name) {
  const auto found = channels_.find(name);
  if (found != channels_.end()) return found->second;
  Channel& channel = channels_[std::string(name)];
  channel.position.epoch = base::RandomNumber();
  return channel;
}

EventPtr MemoryBus::AppendTo(Channel& channel, Event event) {
  event.position = {channel.position.epoch, ++channel.position.offset};
  auto shared = std::make_shared<const Event>(std::move(event));
  channel.log.emplace_back(clock_.Now(), shared);
  channel.log_bytes += shared->payload.size();
  if (shared->stored) {
    channel.history.push_back(shared);
    if (channel.history.size() > limits_.history_events) channel.history.pop_front();
  }
  return shared;
}

void MemoryBus::TrimLog(Channel& channel, absl::Time now) const {
  const absl::Time oldest = now - limits_.log_age;
  while (!channel.log.empty() &&
         (channel.log.size() > limits_.log_events || channel.log_bytes > limits_.log_bytes ||
          channel.log.front().first < oldest)) {
    channel.log_bytes -= channel.log.front().second->payload.size();
    channel.log.pop_front();
  }
}

void MemoryBus::SweepSeries(Channel& channel, absl::Time now) {
  if (now - channel.series_swept < kSweepInterval) return;
  channel.series_swept = now;
  std::erase_if(channel.series,
                [&](const auto& series) { return now - series.second.used > kSeriesLifetime; });
}

void MemoryBus::ReadHistory(std::string channel, base::Callback<Snapshot> done) {
  Snapshot snapshot;
  {
    const std::lock_guard lock(mutex_);
    const Channel& opened = Open(channel);
    snapshot.position = opened.position;
    snapshot.history.assign(opened.history.begin(), opened.history.end());
  }
  std::move(done)(std::move(snapshot));
}

void MemoryBus::ReadLog(std::string channel, Position after, base::Callback<LogSlice> done) {
  LogSlice slice;
  {
    const std::lock_guard lock(mutex_);
    const Channel& opened = Open(channel);
    slice.position = opened.position;
    const uint64_t trimmed = opened.position.offset - opened.log.size();
    slice.complete = after.epoch == opened.position.epoch && after.offset >= trimmed &&
                     after.offset <= opened.position.offset;
    if (slice.complete) {
      const auto begin = static_cast<std::ptrdiff_t>(after.offset - trimmed);
      for (auto it = opened.log.begin() + begin; it != opened.log.end(); ++it) {
        slice.events.push_back(it->second);
      }
    }
  }
  std::move(done)(std::move(slice));
}

std::unique_ptr<MessageBus::Subscription> MemoryBus::Subscribe(std::string channel,
                                                               std::shared_ptr<Listener> listener) {
  return std::make_unique<Ticket>(deliveries_, std::move(channel), std::move(listener));
}

}  // namespace gischat::bus
