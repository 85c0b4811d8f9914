#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/bus/message_bus.h"
#include "gischat/fanout/v1/fanout.pb.h"
#include "services/fanout/channel_feed.h"

namespace gischat::tests {

// A bus with one channel that does what the test says: events are appended without being heard,
// heard or heard twice as the test likes, and reads wait to be answered, or fail. Not thread-safe.
class FakeBus : public bus::MessageBus {
 public:
  explicit FakeBus(bus::Limits limits = {}) : limits_(limits) {}

  // --- what happens in the store ---
  bus::EventPtr Append(bool stored = false);
  void TrimLog(size_t left);                   // the oldest events go
  void BeginEpoch(uint64_t lose, bool known);  // the last `lose` events go; `known`: the log still
                                               // knows where the epoch before ended
  bus::Position position() const { return position_; }

  // --- what the channel hears ---
  void Tell(const bus::EventPtr& event);
  void Resume();  // says that something may have been missed
  bool heard() const { return listener_ != nullptr; }

  // --- reads ---
  void HoldReads(bool hold) { holding_ = hold; }
  size_t held() const { return reads_.size(); }
  void RunOne();      // reads, as the store is now, but the answer stays on its way
  void DeliverOne();  // the oldest answer that is on its way
  size_t answers() const { return answers_.size(); }
  void AnswerOne();  // both at once
  void FailOne();    // kUnavailable
  void FailReads(bool fail) { failing_ = fail; }

  void Publish(std::string channel, bus::Batch batch, base::Callback<bus::Receipt> done) override;
  void ReadHistory(std::string channel, base::Callback<bus::Snapshot> done) override;
  void ReadLog(std::string channel, bus::Position after,
               base::Callback<bus::LogSlice> done) override;
  std::unique_ptr<Subscription> Subscribe(std::string channel,
                                          std::shared_ptr<bus::Listener> listener) override;
  const bus::Limits& limits() const override { return limits_; }

 private:
  class Ticket;
  // Runs a read (or fails it), and yields what delivers the answer.
  using PendingRead = std::function<std::function<void()>(bool fail)>;
  void Read(PendingRead read);
  bus::LogSlice Slice(bus::Position after) const;

  const bus::Limits limits_;
  bus::Position position_{.epoch = 1000, .offset = 0};
  bus::Position previous_;  // where the epoch before ended
  std::deque<bus::EventPtr> log_;
  std::deque<bus::EventPtr> history_;
  std::shared_ptr<bus::Listener> listener_;
  bool holding_ = false;
  bool failing_ = false;
  std::deque<PendingRead> reads_;
  std::deque<std::function<void()>> answers_;
};

// What came down a stream, as text: "snapshot 1000:2" and "event 1000:3".
class ListSink : public fanout::Sink {
 public:
  void Put(const fanout::Wire& item) override;
  const std::vector<std::string>& items() const { return items_; }
  std::vector<std::string> TakeItems() { return std::exchange(items_, {}); }

  // Called for each item.
  std::function<void(const fanout::v1::Item&)> check;

 private:
  std::vector<std::string> items_;
};

}  // namespace gischat::tests
