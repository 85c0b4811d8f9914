#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "edge/hub/hub.h"
#include "tests/unit/hub/world.h"

namespace gischat::edge::hub {
namespace {

constexpr uint32_t kWindow = 3;

// A channel whose events reach a hub in every way that the stream from fanout allows, while clients
// come and go; and what each of them has to see of it.
class RandomChannel {
 public:
  explicit RandomChannel(uint32_t seed) : random_(seed) {}
  ~RandomChannel() {
    for (Client& client : clients_) world_.hub.Leave(*client.member);
  }
  RandomChannel(const RandomChannel&) = delete;
  RandomChannel& operator=(const RandomChannel&) = delete;

  void Step() {
    switch (Pick(8)) {
      case 0:
        return Join();
      case 1:
        return Leave();
      case 2:
        return Resume();
      case 3:
        if (Pick(10) == 0) return BeginEpoch();
        return Repeat();
      default:
        return Say();
    }
  }

  // What the clients saw and what they should have seen.
  void Check() const {
    for (const Client& client : clients_) {
      ASSERT_EQ(client.member->seen, client.expected);
      ASSERT_TRUE(client.member->unflushed.empty());
    }
  }

 private:
  struct Entry {
    uint64_t offset;
    bool stored;
    std::string text;
    uint64_t token;
  };
  struct Client {
    std::unique_ptr<RecordingMember> member;
    std::vector<std::string> expected;
    bool waiting = false;
  };

  uint32_t Pick(uint32_t below) { return static_cast<uint32_t>(random_() % below); }

  Happening HappeningOf(const Entry& entry) const {
    return EventAt(entry.offset, tests::TextMessage(entry.text), entry.stored, epoch_, entry.token);
  }

  Entry Append() {
    ++said_;
    log_.push_back({log_.size() + 1, Pick(3) > 0, "m" + std::to_string(said_), said_});
    return log_.back();
  }

  std::vector<Entry> Window() const {
    std::vector<Entry> stored;
    std::copy_if(log_.begin(), log_.end(), std::back_inserter(stored),
                 [](const Entry& entry) { return entry.stored; });
    if (stored.size() > kWindow) stored.erase(stored.begin(), stored.end() - kWindow);
    return stored;
  }

  void Expect(const Entry& entry) {
    heard_.insert(entry.token);
    for (Client& client : clients_) {
      if (!client.waiting) client.expected.push_back(entry.text);
    }
  }

  void Say() {
    if (!started_) return Resume();
    std::vector<ChannelUpdate> updates;
    for (uint32_t i = 0; i <= Pick(4); ++i) {
      const Entry entry = Append();
      Expect(entry);
      updates.push_back(UpdateOf(HappeningOf(entry)));
    }
    world_.Apply(std::move(updates));
  }

  void Join() {
    Client client;
    client.member = std::make_unique<RecordingMember>();
    client.waiting = !started_;
    if (started_) {
      for (const Entry& entry : Window()) client.expected.push_back(entry.text);
    }
    world_.Join(*client.member);
    clients_.push_back(std::move(client));
  }

  void Leave() {
    if (clients_.empty()) return;
    const size_t leaver = Pick(static_cast<uint32_t>(clients_.size()));
    world_.hub.Leave(*clients_[leaver].member);
    ASSERT_EQ(clients_[leaver].member->seen, clients_[leaver].expected);
    clients_.erase(clients_.begin() + static_cast<std::ptrdiff_t>(leaver));
  }

  // A snapshot of the same epoch, perhaps beyond what was heard: of what was missed, what is stored
  // still is shown.
  void Resume() {
    const uint64_t heard = log_.size();
    for (uint32_t i = 0; i < Pick(6); ++i) Append();
    for (const Entry& entry : Window()) {
      if (entry.offset > heard) Expect(entry);
    }
    ApplySnapshot();
  }

  // The store lost what it knew, and perhaps says other things under the same offsets: whatever it
  // shows that was not heard before is shown.
  void BeginEpoch() {
    if (!started_) return;
    ++epoch_;
    log_.resize(Pick(static_cast<uint32_t>(log_.size()) + 1));
    Append();
    for (const Entry& entry : Window()) {
      if (!heard_.contains(entry.token)) Expect(entry);
    }
    ApplySnapshot();
  }

  void ApplySnapshot() {
    std::vector<Happening> history;
    for (const Entry& entry : Window()) history.push_back(HappeningOf(entry));
    for (Client& client : clients_) {
      if (!std::exchange(client.waiting, false)) continue;
      for (const Entry& entry : Window()) client.expected.push_back(entry.text);
    }
    started_ = true;
    world_.Apply({SnapshotAt(log_.size(), std::move(history), epoch_, kWindow)});
  }

  // Events that were heard before.
  void Repeat() {
    if (!started_ || log_.empty()) return;
    std::vector<ChannelUpdate> updates;
    for (size_t i = Pick(static_cast<uint32_t>(log_.size())); i < log_.size(); ++i) {
      updates.push_back(UpdateOf(HappeningOf(log_[i])));
    }
    world_.Apply(std::move(updates));
  }

  std::mt19937 random_;
  World world_;
  uint64_t epoch_ = 1;
  std::vector<Entry> log_;
  uint64_t said_ = 0;
  std::set<uint64_t> heard_;  // tokens of what the hub was told
  bool started_ = false;
  std::vector<Client> clients_;
};

TEST(HubOrder, NothingIsMissingOrDoubledBetweenReplayAndLive) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    RandomChannel channel(seed);
    for (int step = 0; step < 60; ++step) {
      channel.Step();
      ASSERT_NO_FATAL_FAILURE(channel.Check()) << "step " << step;
    }
  }
}

}  // namespace
}  // namespace gischat::edge::hub
