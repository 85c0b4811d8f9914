// What a failover of Redis does to what is said, with two replicas and messages all the while.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "absl/strings/numbers.h"
#include "tests/integration/fanout/event_reader.h"
#include "tests/integration/fanout/replica_process.h"
#include "tests/support/redis_sentinel.h"
#include "tests/support/wait_until.h"

namespace gischat::tests {
namespace {

namespace v1 = fanout::v1;
using ::testing::ElementsAre;

// Says "<name> 1", "<name> 2", ... through one replica until it is stopped, each until it was
// acknowledged, as the publisher of an edge does.
class Speaker {
 public:
  Speaker(const ReplicaProcess& replica, std::string name)
      : replica_(replica), name_(std::move(name)), thread_([this] { Run(); }) {}
  ~Speaker() { Stop(); }

  Speaker(const Speaker&) = delete;
  Speaker& operator=(const Speaker&) = delete;

  void Stop() {
    stopped_ = true;
    if (thread_.joinable()) thread_.join();
  }

  uint64_t acknowledged() const {
    const std::lock_guard lock(mutex_);
    return times_.size();
  }
  absl::Time when(uint64_t number) const {  // it was acknowledged
    const std::lock_guard lock(mutex_);
    return times_[number - 1];
  }
  std::string Message(uint64_t number) const { return name_ + " " + std::to_string(number); }

 private:
  void Run() {
    for (uint64_t number = 1; !stopped_; ++number) {
      EXPECT_TRUE(
          replica_.PublishUntilDone(PublishTo("QGIS", name_, number, {Message(number)}, true)));
      const std::lock_guard lock(mutex_);
      times_.push_back(absl::Now());
    }
  }

  const ReplicaProcess& replica_;
  const std::string name_;
  std::atomic<bool> stopped_ = false;
  mutable std::mutex mutex_;
  std::vector<absl::Time> times_;  // guarded by mutex_
  std::thread thread_;
};

// What an edge shows: no event twice whose publisher and number it knows.
std::vector<std::string> Shown(const EventReader& reader) {
  std::vector<std::string> shown;
  std::set<std::pair<std::string, uint64_t>> tokens;
  for (const v1::Event& event : reader.events()) {
    if (tokens.insert({event.publisher(), event.sequence()}).second) {
      shown.push_back(event.message());
    }
  }
  return shown;
}

// The parts of `one` that `other` has too.
std::vector<std::string> Common(const std::vector<std::string>& one,
                                const std::vector<std::string>& other) {
  const std::set<std::string> known(other.begin(), other.end());
  std::vector<std::string> common;
  std::copy_if(one.begin(), one.end(), std::back_inserter(common),
               [&](const std::string& message) { return known.contains(message); });
  return common;
}

bool OrderOfEachSpeakerIsKept(const std::vector<std::string>& messages) {
  std::map<std::string, uint64_t> last;
  for (const std::string& message : messages) {
    const size_t blank = message.find(' ');
    uint64_t number = 0;
    if (!absl::SimpleAtoi(message.substr(blank + 1), &number)) return false;
    if (number <= std::exchange(last[message.substr(0, blank)], number)) return false;
  }
  return true;
}

class Failover : public ::testing::Test {
 protected:
  redis::Settings Settings() const {
    redis::Settings settings;
    for (const redis::Endpoint& sentinel : group_.options().sentinels) {
      settings.sentinels.push_back(sentinel.ToString());
    }
    return settings;
  }

  RedisGroup group_{{.arguments = {"--min-replicas-to-write", "1"}}};
  ReplicaProcess one_{Settings()};
  ReplicaProcess two_{Settings()};
};

TEST_F(Failover, DoublesNothingAndKeepsTheOrderWhileMessagesFlow) {
  ASSERT_TRUE(WaitUntil([&] { return one_.ready() && two_.ready(); }));
  const EventReader at_one(one_.channel(), SubscribeTo("QGIS"));
  const EventReader at_two(two_.channel(), SubscribeTo("QGIS"));
  ASSERT_TRUE(WaitUntil([&] { return at_one.snapshots() > 0 && at_two.snapshots() > 0; }));
  Speaker ada(one_, "ada");
  Speaker bob(two_, "bob");
  ASSERT_TRUE(WaitUntil([&] { return ada.acknowledged() > 500 && bob.acknowledged() > 500; }));

  const absl::Time killed = absl::Now();
  group_.server(0).Kill();
  const uint64_t before = std::max(ada.acknowledged(), bob.acknowledged());
  ASSERT_TRUE(
      WaitUntil([&] { return std::min(ada.acknowledged(), bob.acknowledged()) > before + 200; },
                absl::Seconds(20)));
  ada.Stop();
  bob.Stop();

  for (const EventReader* reader : {&at_one, &at_two}) {
    ASSERT_TRUE(WaitUntil([&] {
      const std::vector<std::string> shown = Shown(*reader);
      const std::set<std::string> all(shown.begin(), shown.end());
      return all.contains(ada.Message(ada.acknowledged())) &&
             all.contains(bob.Message(bob.acknowledged()));
    }));
    const std::vector<std::string> shown = Shown(*reader);
    const std::set<std::string> all(shown.begin(), shown.end());
    EXPECT_EQ(all.size(), shown.size()) << "doubled";
    EXPECT_TRUE(OrderOfEachSpeakerIsKept(shown));
    EXPECT_EQ(reader->out_of_order(), 0);
    // What Redis acknowledged and had not told its replicas is of its last moments.
    uint64_t lost = 0;
    for (const Speaker* speaker : {&ada, &bob}) {
      for (uint64_t number = 1; number <= speaker->acknowledged(); ++number) {
        if (all.contains(speaker->Message(number))) continue;
        ++lost;
        EXPECT_GT(speaker->when(number), killed - absl::Seconds(1)) << speaker->Message(number);
      }
    }
    std::printf("%zu messages shown, %zu lost\n", shown.size(), static_cast<size_t>(lost));
  }
  EXPECT_EQ(Common(Shown(at_one), Shown(at_two)), Common(Shown(at_two), Shown(at_one)));
  for (const ReplicaProcess* replica : {&one_, &two_}) {
    EXPECT_GE(replica->Metric("gischat_fanout_epochs_total"), 1);
    EXPECT_EQ(replica->Metric("gischat_fanout_resets_total"), 0);
  }
}

// Replicas that hang, but not for so long that the master would refuse to write.
TEST_F(Failover, WhatTheNewMasterNeverGotIsCountedAndItsSeriesGoesOn) {
  constexpr uint64_t kLarge = 40;
  ASSERT_TRUE(WaitUntil([&] { return one_.ready(); }));
  const EventReader reader(one_.channel(), SubscribeTo("QGIS"));
  ASSERT_TRUE(WaitUntil([&] { return reader.snapshots() > 0; }));
  ASSERT_TRUE(one_.PublishUntilDone(PublishTo("QGIS", "ada", 1, {"first"})));
  group_.server(1).Pause();
  group_.server(2).Pause();
  const std::string large(1 << 20, 'x');  // more than sockets hold on the way
  for (uint64_t number = 2; number <= kLarge; ++number) {
    ASSERT_EQ(one_.Publish(PublishTo("QGIS", "ada", number, {large})), grpc::StatusCode::OK);
  }
  ASSERT_TRUE(WaitUntil([&] { return reader.count() == kLarge; }));
  group_.server(0).Kill();
  group_.server(1).Continue();
  group_.server(2).Continue();

  ASSERT_TRUE(one_.PublishUntilDone(PublishTo("QGIS", "ada", kLarge + 1, {"next"})));
  ASSERT_TRUE(one_.PublishUntilDone(PublishTo("QGIS", "ada", kLarge + 2, {"last"})));
  ASSERT_TRUE(WaitUntil([&] { return reader.count() >= kLarge + 2; }));
  EXPECT_EQ(reader.messages()[kLarge], "next");
  EXPECT_EQ(reader.messages()[kLarge + 1], "last");
  EXPECT_EQ(reader.count(), kLarge + 2);
  EXPECT_EQ(reader.out_of_order(), 0);
  EXPECT_GT(one_.Metric("gischat_fanout_lost_events_total"), 0);
  std::printf("%.0f of %zu events lost\n", one_.Metric("gischat_fanout_lost_events_total"),
              static_cast<size_t>(kLarge));
}

}  // namespace
}  // namespace gischat::tests
