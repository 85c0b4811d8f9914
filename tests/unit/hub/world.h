#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "edge/hub/hub.h"
#include "tests/support/chat_messages.h"
#include "tests/support/deflate.h"

// A hub with clients that write down what they are sent.
namespace gischat::edge::hub {

inline constexpr char kChannel[] = "QGIS";
inline constexpr uint64_t kEpoch = 77;

class RecordingMember final : public Member {
 public:
  explicit RecordingMember(codec::Shape wanted = codec::Shape::kChannels,
                           const std::string& registered = "", bool takes_compressed = false) {
    shape = wanted;
    inflates = takes_compressed;
    nickname = registered;
  }

  void Queue(const codec::SharedBytes& frame) override { Take(frame); }
  void QueueReplay(const codec::SharedBytes& frame) override {
    Take(frame);
    ++replayed;
  }
  void Flush() override {
    ++flushes;
    for (const codec::SharedBytes& frames_in_a_row : unflushed) {
      for (const std::string& payload : tests::TextsOf(*frames_in_a_row)) {
        seen.push_back(tests::Short(payload));
      }
    }
    unflushed.clear();
  }

  std::vector<std::string> seen;
  std::vector<codec::SharedBytes> frames;
  std::vector<codec::SharedBytes> unflushed;
  int replayed = 0;
  int flushes = 0;

 private:
  void Take(const codec::SharedBytes& frame) {
    frames.push_back(frame);
    unflushed.push_back(frame);
  }
};

class RecordingObserver final : public DeliveryObserver {
 public:
  void OnDelivered(chat::v1::ChatMessage::KindCase kind, uint64_t clients) override {
    delivered[kind] += clients;
  }
  void OnRestart(std::string_view channel) override { restarts.emplace_back(channel); }

  void OnCompressed(size_t before, size_t after) override {
    const std::lock_guard lock(mutex);
    compressed.emplace_back(before, after);
  }

  std::map<chat::v1::ChatMessage::KindCase, uint64_t> delivered;
  std::vector<std::string> restarts;
  std::mutex mutex;
  std::vector<std::pair<size_t, size_t>> compressed;  // bytes before and after; guarded by mutex
};

// `token`: what tells the event from others in whatever epoch; 0: made by presence.
inline Happening EventAt(uint64_t offset, chat::v1::ChatMessage message, bool stored = true,
                         uint64_t epoch = kEpoch, uint64_t token = 0) {
  return {{epoch, offset}, stored, std::make_shared<const Broadcast>(std::move(message)), token};
}

inline ChannelUpdate UpdateOf(Happening happening) {
  ChannelUpdate update;
  update.channel = kChannel;
  update.place = happening.place;
  update.happenings.push_back(std::move(happening));
  return update;
}

inline ChannelUpdate SnapshotAt(uint64_t offset, std::vector<Happening> history = {},
                                uint64_t epoch = kEpoch, uint32_t limit = 3) {
  ChannelUpdate update;
  update.channel = kChannel;
  update.is_snapshot = true;
  update.place = {epoch, offset};
  update.happenings = std::move(history);
  update.history_limit = limit;
  return update;
}

inline Updates Shared(std::vector<ChannelUpdate> updates) {
  return std::make_shared<const std::vector<ChannelUpdate>>(std::move(updates));
}

// The text "t<offset>" at that offset.
inline Happening TextAt(uint64_t offset, bool stored = true) {
  return EventAt(offset, tests::TextMessage("t" + std::to_string(offset)), stored, kEpoch,
                 1000 + offset);
}

struct World {
  explicit World(size_t compress_bytes = Hub::kCompressBytes)
      : hub({kChannel, "Geotribu"}, observer, compress_bytes) {}

  RecordingObserver observer;
  Hub hub;

  void Apply(std::vector<ChannelUpdate> updates) { hub.Apply({Shared(std::move(updates))}); }
  void Happen(Happening happening) { Apply({UpdateOf(std::move(happening))}); }
  void Join(RecordingMember& member) {
    hub.Join(member, kChannel, nullptr, [] {});
  }
  void Join(RecordingMember& member, Count count) {
    hub.Join(member, kChannel, &count, [] {});
  }
};

}  // namespace gischat::edge::hub
