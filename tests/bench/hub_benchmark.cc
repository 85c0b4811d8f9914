// What a message costs inside the edge once it is there: rendered once per shape, appended to the
// queue of every client. Sockets are left out.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "edge/hub/hub.h"

namespace gischat::edge::hub {
namespace {

constexpr const char* kChannel = "QGIS";

class NoObserver : public DeliveryObserver {
 public:
  void OnDelivered(chat::v1::ChatMessage::KindCase, uint64_t) override {}
  void OnRestart(std::string_view) override {}
  void OnCompressed(size_t, size_t) override {}
};

// Keeps what is queued until it is flushed, as a session does.
class QueueingMember : public Member {
 public:
  void Queue(const codec::SharedBytes& frame) override { queue_.push_back(frame); }
  void QueueReplay(const codec::SharedBytes& frame) override { queue_.push_back(frame); }
  void Flush() override { queue_.clear(); }

 private:
  std::vector<codec::SharedBytes> queue_;
};

Updates SnapshotOf(uint64_t offset) {
  return std::make_shared<const std::vector<ChannelUpdate>>(
      std::vector<ChannelUpdate>{{.channel = kChannel,
                                  .is_snapshot = true,
                                  .place = {1, offset},
                                  .happenings = {},
                                  .history_limit = 5}});
}

Updates TextAt(uint64_t first_offset, uint64_t messages) {
  std::vector<ChannelUpdate> updates;
  for (uint64_t offset = first_offset; offset < first_offset + messages; ++offset) {
    chat::v1::ChatMessage message;
    message.set_id("6a1f4a9e-5d1c-4b51-9f0e-3a52f1d9d0aa");
    message.set_timestamp(1'760'000'000);
    message.mutable_text()->set_author("cartographer");
    message.mutable_text()->set_text("The river is on the wrong side of the road.");
    const Place place{1, offset};
    updates.push_back({.channel = kChannel,
                       .place = place,
                       .happenings = {{.place = place,
                                       .stored = true,
                                       .broadcast = std::make_shared<const Broadcast>(message)}}});
  }
  return std::make_shared<const std::vector<ChannelUpdate>>(std::move(updates));
}

// A channel full of members, of whom every tenth speaks the rooms API.
class FullChannel {
 public:
  explicit FullChannel(int64_t members) : hub_({kChannel}, observer_) {
    hub_.Apply({SnapshotOf(0)});
    for (int64_t i = 0; i < members; ++i) {
      members_.push_back(std::make_unique<QueueingMember>());
      if (i % 10 == 0) members_.back()->shape = codec::Shape::kRooms;
      hub_.Join(*members_.back(), kChannel, nullptr, [] {});
    }
  }
  ~FullChannel() {
    for (const auto& member : members_) hub_.Leave(*member);
  }

  FullChannel(const FullChannel&) = delete;
  FullChannel& operator=(const FullChannel&) = delete;

  Hub& hub() { return hub_; }

 private:
  NoObserver observer_;
  Hub hub_;
  std::vector<std::unique_ptr<QueueingMember>> members_;
};

// range(0): members; range(1): messages that arrive together.
void Deliver(benchmark::State& state) {
  FullChannel channel(state.range(0));
  const auto batch = static_cast<uint64_t>(state.range(1));
  uint64_t offset = 1;
  while (state.KeepRunning()) {
    channel.hub().Apply({TextAt(offset, batch)});
    offset += batch;
  }
  state.SetItemsProcessed(state.range(0) * state.range(1) * state.iterations());
}
BENCHMARK(Deliver)->ArgsProduct({{1, 100, 1'000, 10'000}, {1, 10}});

void JoinAndLeave(benchmark::State& state) {
  FullChannel channel(state.range(0));
  channel.hub().Apply({TextAt(1, 5)});
  QueueingMember member;
  while (state.KeepRunning()) {
    channel.hub().Join(member, kChannel, nullptr, [] {});
    channel.hub().Leave(member);
  }
}
BENCHMARK(JoinAndLeave)->Arg(1)->Arg(10'000);

}  // namespace
}  // namespace gischat::edge::hub
