#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/bus/message_bus.h"
#include "services/fanout/metrics.h"
#include "services/fanout/wire.h"

namespace gischat::fanout {

// Takes what goes down a stream. Called on the loop; must not block.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void Put(const Wire& item) = 0;
};

// One channel in use: hears it once, and hands its events to any number of sinks.
//
// The feed knows its place in the channel and passes events on one by one; when the next one it
// hears is not the next one of the channel, it reads what is between from the log. A sink that is
// attached gets what it missed since its position, or a snapshot, and then every further event,
// without a hole or a double: what passes while its past is read is kept, and passed on as far as
// it is newer. A position that can't be resumed any more yields a new snapshot; when the store came
// back empty meanwhile, and its log reaches back to the first event since, that is the snapshot of
// the empty channel and every event since.
//
// Confined to the loop's thread.
class ChannelFeed : public std::enable_shared_from_this<ChannelFeed> {
 public:
  // The loop, the bus and the metrics outlive the feed.
  ChannelFeed(boost::asio::io_context& loop, bus::MessageBus& bus, std::string channel,
              Metrics& metrics);

  void Start();
  void Stop();  // nothing is heard and put afterwards

  void Attach(std::shared_ptr<Sink> sink, bus::Position from);
  void Detach(const Sink* sink);
  bool in_use() const { return !readers_.empty(); }

 private:
  class Ear;
  // A sink and how far it is.
  struct Reader {
    enum class State { kWaiting, kReading, kLive, kGone };
    std::shared_ptr<Sink> sink;
    bus::Position at;     // what it was given last; before it is live, where it wants to resume
    bool afresh = false;  // `at` is the beginning of an epoch that it has heard nothing of
    State state = State::kWaiting;
    std::vector<std::pair<bus::Position, Wire>> passed;  // while its past was read
  };
  using ReaderPtr = std::shared_ptr<Reader>;

  void Hear(const bus::EventPtr& event);
  void Deliver(const bus::Event& event);
  void NoteEpoch(const bus::Position& next);

  void CatchUp();
  void OnLog(absl::StatusOr<bus::LogSlice> slice);
  void Follow(const bus::LogSlice& slice);
  void ReadEpoch(uint64_t epoch);
  void OnEpoch(uint64_t epoch, absl::StatusOr<bus::LogSlice> slice);
  void ReadHistory();
  void OnHistory(absl::StatusOr<bus::Snapshot> snapshot);
  void StartAt(const bus::Snapshot& snapshot);
  void FailRead();
  void OnCaughtUp();

  void ReadFor(const ReaderPtr& reader);
  void OnLogFor(const ReaderPtr& reader, absl::StatusOr<bus::LogSlice> slice);
  void OnHistoryFor(const ReaderPtr& reader, absl::StatusOr<bus::Snapshot> snapshot);
  void GoLive(const ReaderPtr& reader, bus::Position at, const std::vector<Wire>& items);
  bool Continues(const Reader& reader, bus::Position at) const;
  void ReadForWaiting();
  void TryAgainLater();
  void NoteReset(bus::Position from, const bus::Position& now);

  // A callback for the bus that runs `then` on the loop, if the feed still runs then.
  template <typename T, typename Then>
  base::Callback<T> OnLoop(Then then);

  boost::asio::io_context& loop_;
  bus::MessageBus& bus_;
  const std::string channel_;
  Metrics& metrics_;

  bool stopped_ = false;
  std::unique_ptr<bus::MessageBus::Subscription> subscription_;
  bus::Position position_;            // of the last event delivered; epoch 0: not known yet
  bool reading_ = false;              // what was missed
  bool read_again_ = false;           // something was missed again meanwhile
  bool behind_ = false;               // the last read failed
  std::vector<bus::EventPtr> heard_;  // while reading
  std::vector<ReaderPtr> readers_;
  boost::asio::steady_timer retry_;
  bool retrying_ = false;
};

}  // namespace gischat::fanout
