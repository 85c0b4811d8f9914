#include <gtest/gtest.h>

#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "edge/hub/hub.h"
#include "tests/unit/hub/world.h"

namespace gischat::edge::hub {
namespace {

constexpr uint64_t kMessages = 501;

// What a client of every shape sees of the batches, on a thread of its own.
using Sightings = std::vector<std::vector<std::string>>;

Sightings Watch(const std::vector<Updates>& batches, std::latch& start) {
  World world(/*compress_bytes=*/1);
  std::vector<std::unique_ptr<RecordingMember>> members;
  for (const codec::Shape shape :
       {codec::Shape::kRooms, codec::Shape::kChannels, codec::Shape::kReplies}) {
    for (const bool inflates : {false, true}) {
      members.push_back(std::make_unique<RecordingMember>(shape, "", inflates));
      world.Join(*members.back());
    }
  }
  start.arrive_and_wait();
  for (const Updates& batch : batches) world.hub.Apply({batch});
  Sightings sightings;
  for (const auto& member : members) {
    sightings.push_back(member->seen);
    world.hub.Leave(*member);
  }
  return sightings;
}

TEST(HubThreads, ShareUpdatesAndRenderThemTogether) {
  std::vector<Updates> batches = {Shared({SnapshotAt(1, {TextAt(1)})})};
  for (uint64_t offset = 2; offset < kMessages; offset += 2) {
    batches.push_back(Shared({UpdateOf(TextAt(offset)), UpdateOf(TextAt(offset + 1))}));
  }
  std::latch start(2);
  Sightings one;
  Sightings two;
  std::thread first([&] { one = Watch(batches, start); });
  std::thread second([&] { two = Watch(batches, start); });
  first.join();
  second.join();
  EXPECT_EQ(one, two);
  ASSERT_EQ(one.size(), 6u);
  for (const auto& seen : one) {
    ASSERT_EQ(seen.size(), kMessages);
    EXPECT_EQ(seen.front(), "t1");
    EXPECT_EQ(seen.back(), "t" + std::to_string(kMessages));
  }
}

}  // namespace
}  // namespace gischat::edge::hub
