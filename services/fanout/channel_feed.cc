#include "services/fanout/channel_feed.h"

#include <prometheus/counter.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <chrono>

namespace gischat::fanout {
namespace {

constexpr std::chrono::milliseconds kRetryInterval{100};

bool IsNext(const bus::Position& event, const bus::Position& last) {
  return event.epoch == last.epoch && event.offset == last.offset + 1;
}

bool IsKnown(const bus::Position& event, const bus::Position& last) {
  return event.epoch == last.epoch && event.offset <= last.offset;
}

}  // namespace

// Brings what the bus says to the loop.
class ChannelFeed::Ear : public bus::Listener {
 public:
  Ear(boost::asio::io_context& loop, std::weak_ptr<ChannelFeed> feed)
      : loop_(loop), feed_(std::move(feed)) {}

  void OnEvent(const bus::EventPtr& event) override {
    boost::asio::dispatch(loop_, [feed = feed_, event] {
      const auto alive = feed.lock();
      if (alive != nullptr && !alive->stopped_) alive->Hear(event);
    });
  }
  void OnResumed() override {
    boost::asio::dispatch(loop_, [feed = feed_] {
      const auto alive = feed.lock();
      if (alive != nullptr && !alive->stopped_) alive->CatchUp();
    });
  }

 private:
  boost::asio::io_context& loop_;
  const std::weak_ptr<ChannelFeed> feed_;
};

ChannelFeed::ChannelFeed(boost::asio::io_context& loop, bus::MessageBus& bus, std::string channel,
                         Metrics& metrics)
    : loop_(loop), bus_(bus), channel_(std::move(channel)), metrics_(metrics), retry_(loop) {}

void ChannelFeed::Start() {
  subscription_ = bus_.Subscribe(channel_, std::make_shared<Ear>(loop_, weak_from_this()));
}

void ChannelFeed::Stop() {
  stopped_ = true;
  subscription_.reset();
  retry_.cancel();
  readers_.clear();
}

template <typename T, typename Then>
base::Callback<T> ChannelFeed::OnLoop(Then then) {
  return [self = shared_from_this(), then](absl::StatusOr<T> result) mutable {
    boost::asio::io_context& loop = self->loop_;
    boost::asio::post(loop, [self = std::move(self), then, result = std::move(result)]() mutable {
      if (!self->stopped_) then(*self, std::move(result));
    });
  };
}

// --- The channel's own place ---

void ChannelFeed::Hear(const bus::EventPtr& event) {
  if (reading_) {
    heard_.push_back(event);
    return;
  }
  if (position_.epoch == 0) return;  // the first read is still to come, and will have it
  if (IsKnown(event->position, position_)) return;
  if (IsNext(event->position, position_)) return Deliver(*event);
  metrics_.holes.Increment();
  CatchUp();
}

void ChannelFeed::Deliver(const bus::Event& event) {
  NoteEpoch(event.position);
  position_ = event.position;
  metrics_.events.Increment();
  const Wire item = EncodeEvent(channel_, event);
  for (const ReaderPtr& reader : readers_) {
    if (reader->state == Reader::State::kReading) {
      reader->passed.emplace_back(position_, item);
    } else if (reader->state == Reader::State::kLive && !IsKnown(position_, reader->at)) {
      reader->at = position_;
      reader->sink->Put(item);
    }
  }
}

void ChannelFeed::NoteEpoch(const bus::Position& next) {
  if (next.epoch == position_.epoch) return;
  metrics_.epochs.Increment();
  const uint64_t lost = position_.offset >= next.offset ? position_.offset + 1 - next.offset : 0;
  metrics_.lost.Increment(static_cast<double>(lost));
  if (lost > 0) {
    spdlog::warn("channel {}: the store lost {} events that were heard before", channel_, lost);
  } else {
    spdlog::info("channel {}: the store began a new epoch, nothing that was heard is lost",
                 channel_);
  }
}

// Reads what was missed. What was heard before it starts is in the log: it need not be kept.
void ChannelFeed::CatchUp() {
  if (reading_) {
    read_again_ = true;
    return;
  }
  reading_ = true;
  read_again_ = false;
  heard_.clear();
  if (position_.epoch == 0) return ReadHistory();
  bus_.ReadLog(channel_, position_, OnLoop<bus::LogSlice>([](ChannelFeed& feed, auto slice) {
                 feed.OnLog(std::move(slice));
               }));
}

void ChannelFeed::OnLog(absl::StatusOr<bus::LogSlice> slice) {
  if (!slice.ok()) return FailRead();
  if (!slice->complete) {
    NoteReset(position_, slice->position);
    if (slice->position.epoch == position_.epoch) return ReadHistory();
    metrics_.epochs.Increment();
    return ReadEpoch(slice->position.epoch);
  }
  Follow(*slice);
}

void ChannelFeed::Follow(const bus::LogSlice& slice) {
  for (const bus::EventPtr& event : slice.events) Deliver(*event);
  NoteEpoch({slice.position.epoch, slice.position.offset + 1});
  position_ = slice.position;
  OnCaughtUp();
}

// An epoch that knows nothing of ours: what was said in it before we heard of it is not lost.
void ChannelFeed::ReadEpoch(uint64_t epoch) {
  bus_.ReadLog(channel_, {epoch, 0}, OnLoop<bus::LogSlice>([epoch](ChannelFeed& feed, auto slice) {
                 feed.OnEpoch(epoch, std::move(slice));
               }));
}

void ChannelFeed::OnEpoch(uint64_t epoch, absl::StatusOr<bus::LogSlice> slice) {
  if (!slice.ok()) return FailRead();
  if (!slice->complete) return ReadHistory();
  StartAt({.position = {epoch, 0}, .history = {}});
  Follow(*slice);
}

void ChannelFeed::ReadHistory() {
  bus_.ReadHistory(channel_, OnLoop<bus::Snapshot>([](ChannelFeed& feed, auto snapshot) {
                     feed.OnHistory(std::move(snapshot));
                   }));
}

void ChannelFeed::OnHistory(absl::StatusOr<bus::Snapshot> snapshot) {
  if (!snapshot.ok()) return FailRead();
  StartAt(*snapshot);
  OnCaughtUp();
}

// The first place of the feed, or a new one after it lost its own.
void ChannelFeed::StartAt(const bus::Snapshot& snapshot) {
  position_ = snapshot.position;
  const Wire item = EncodeSnapshot(channel_, snapshot, bus_.limits().history_events);
  for (const ReaderPtr& reader : readers_) {
    reader->passed.clear();
    if (reader->state != Reader::State::kLive) continue;
    reader->at = position_;
    reader->sink->Put(item);
  }
}

void ChannelFeed::FailRead() {
  reading_ = false;
  behind_ = true;
  TryAgainLater();
}

void ChannelFeed::OnCaughtUp() {
  reading_ = false;
  behind_ = false;
  if (read_again_) return CatchUp();
  const std::vector<bus::EventPtr> heard = std::exchange(heard_, {});
  for (const bus::EventPtr& event : heard) {
    Hear(event);
    if (reading_) return;  // and what is left will be in the log
  }
  ReadForWaiting();
}

// --- The readers ---

void ChannelFeed::Attach(std::shared_ptr<Sink> sink, bus::Position from) {
  auto reader = std::make_shared<Reader>();
  reader->sink = std::move(sink);
  reader->at = from;
  readers_.push_back(std::move(reader));
  if (position_.epoch != 0 && !reading_ && !behind_) ReadFor(readers_.back());
}

void ChannelFeed::Detach(const Sink* sink) {
  std::erase_if(readers_, [&](const ReaderPtr& reader) {
    if (reader->sink.get() != sink) return false;
    reader->state = Reader::State::kGone;
    return true;
  });
}

void ChannelFeed::ReadForWaiting() {
  for (const ReaderPtr& reader : readers_) {
    if (reader->state == Reader::State::kWaiting) ReadFor(reader);
  }
}

void ChannelFeed::ReadFor(const ReaderPtr& reader) {
  reader->state = Reader::State::kReading;
  reader->passed.clear();
  if (reader->at.epoch == 0) {
    bus_.ReadHistory(channel_, OnLoop<bus::Snapshot>([reader](ChannelFeed& feed, auto snapshot) {
                       feed.OnHistoryFor(reader, std::move(snapshot));
                     }));
  } else {
    bus_.ReadLog(channel_, reader->at,
                 OnLoop<bus::LogSlice>([reader](ChannelFeed& feed, auto slice) {
                   feed.OnLogFor(reader, std::move(slice));
                 }));
  }
}

void ChannelFeed::OnLogFor(const ReaderPtr& reader, absl::StatusOr<bus::LogSlice> slice) {
  if (reader->state == Reader::State::kGone) return;
  if (!slice.ok()) {
    reader->state = Reader::State::kWaiting;
    return TryAgainLater();
  }
  if (!slice->complete) {
    if (!reader->afresh) NoteReset(reader->at, slice->position);
    const uint64_t epoch = slice->position.epoch;
    reader->afresh = epoch != reader->at.epoch;
    reader->at = {reader->afresh ? epoch : 0, 0};
    return ReadFor(reader);
  }
  if (!Continues(*reader, slice->position)) {
    reader->state = Reader::State::kWaiting;
    return CatchUp();
  }
  std::vector<Wire> items;
  items.reserve(slice->events.size() + 1);
  if (reader->afresh) {
    items.push_back(EncodeSnapshot(channel_, {.position = reader->at, .history = {}},
                                   bus_.limits().history_events));
  }
  for (const bus::EventPtr& event : slice->events) items.push_back(EncodeEvent(channel_, *event));
  GoLive(reader, slice->position, items);
}

void ChannelFeed::OnHistoryFor(const ReaderPtr& reader, absl::StatusOr<bus::Snapshot> snapshot) {
  if (reader->state == Reader::State::kGone) return;
  if (!snapshot.ok()) {
    reader->state = Reader::State::kWaiting;
    return TryAgainLater();
  }
  if (!Continues(*reader, snapshot->position)) {
    reader->state = Reader::State::kWaiting;
    return CatchUp();
  }
  GoLive(reader, snapshot->position,
         {EncodeSnapshot(channel_, *snapshot, bus_.limits().history_events)});
}

// Whether everything after `at` has passed since the reader's past was asked for, or is to come.
bool ChannelFeed::Continues(const Reader& reader, bus::Position at) const {
  if (at.epoch != position_.epoch) return false;  // one of the two is behind
  for (const auto& [position, item] : reader.passed) {
    if (position.epoch == at.epoch) return position.offset <= at.offset + 1;
  }
  return position_.offset <= at.offset;
}

void ChannelFeed::GoLive(const ReaderPtr& reader, bus::Position at,
                         const std::vector<Wire>& items) {
  for (const Wire& item : items) reader->sink->Put(item);
  for (const auto& [position, item] : reader->passed) {
    // Of an epoch that is over, everything is in the past that was read.
    if (position.epoch != at.epoch || position.offset <= at.offset) continue;
    at = position;
    reader->sink->Put(item);
  }
  reader->passed = {};
  reader->at = at;
  reader->state = Reader::State::kLive;
}

void ChannelFeed::TryAgainLater() {
  if (std::exchange(retrying_, true)) return;
  retry_.expires_after(kRetryInterval);
  retry_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (error || self->stopped_) return;
    self->retrying_ = false;
    if (self->behind_) {
      self->CatchUp();
    } else if (!self->reading_ && self->position_.epoch != 0) {
      self->ReadForWaiting();
    }
  });
}

void ChannelFeed::NoteReset(bus::Position from, const bus::Position& now) {
  metrics_.resets.Increment();
  if (from.epoch == now.epoch) {
    spdlog::warn("channel {}: what followed event {} is not in the log any more", channel_,
                 from.offset);
  } else {
    spdlog::warn("channel {}: the store came back without what it had, {} events ago", channel_,
                 now.offset);
  }
}

}  // namespace gischat::fanout
