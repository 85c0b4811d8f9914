#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "edge/hub/hub.h"
#include "tests/unit/hub/world.h"

namespace gischat::edge::hub {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class CountTest : public testing::Test {
 protected:
  CountTest() { world_.Apply({SnapshotAt(0)}); }
  ~CountTest() override { world_.hub.Leave(member_); }

  void Announce(uint64_t connections, uint64_t revision) {
    world_.Happen(EventAt(++offset_, tests::CountMessage(connections, revision), false));
  }

  World world_;
  RecordingMember member_;
  uint64_t offset_ = 0;
};

TEST_F(CountTest, IsToldWhenItChanges) {
  world_.Join(member_);
  Announce(1, 1);
  Announce(2, 2);
  Announce(1, 3);
  EXPECT_THAT(member_.seen, ElementsAre("#1", "#2", "#1"));
}

TEST_F(CountTest, IsNotToldTwiceInARow) {
  world_.Join(member_, {3, 10});
  Announce(3, 10);
  Announce(3, 11);
  EXPECT_THAT(member_.seen, ElementsAre("#3"));
}

TEST_F(CountTest, IsNotToldWhenItIsOlderThanWhatWasTold) {
  world_.Join(member_, {3, 10});
  Announce(2, 9);
  Announce(5, 8);
  EXPECT_THAT(member_.seen, ElementsAre("#3"));
}

// A count that is told to nobody, for it is the same, still makes older ones obsolete.
TEST_F(CountTest, OfTheSameNumberStillMakesOlderOnesObsolete) {
  world_.Join(member_, {3, 10});
  Announce(3, 12);
  Announce(4, 11);
  EXPECT_THAT(member_.seen, ElementsAre("#3"));
  Announce(4, 13);
  EXPECT_THAT(member_.seen, ElementsAre("#3", "#4"));
}

TEST_F(CountTest, IsJudgedForEachClientByItself) {
  RecordingMember other;
  world_.Join(member_, {3, 10});
  world_.Join(other);
  Announce(2, 9);
  Announce(4, 11);
  EXPECT_THAT(member_.seen, ElementsAre("#3", "#4"));
  EXPECT_THAT(other.seen, ElementsAre("#2", "#4"));
  EXPECT_EQ(world_.observer.delivered[chat::v1::ChatMessage::kNbUsers], 3u);
  world_.hub.Leave(other);
}

TEST_F(CountTest, ToldToOneClientObeysTheSameRules) {
  world_.Join(member_, {3, 10});
  world_.hub.TellCount(member_, {3, 11});
  world_.hub.TellCount(member_, {2, 9});
  EXPECT_THAT(member_.seen, ElementsAre("#3"));
  world_.hub.TellCount(member_, {4, 12});
  EXPECT_THAT(member_.seen, ElementsAre("#3", "#4"));
}

TEST_F(CountTest, ThatIsSettledIsToldToWhoMissedIt) {
  RecordingMember other;
  world_.Join(member_, {3, 10});
  world_.Join(other, {4, 11});
  world_.hub.TellCount("QGIS", {4, 11});
  world_.hub.TellCount("QGIS", {4, 11});
  world_.hub.TellCount("nowhere", {5, 12});
  EXPECT_THAT(member_.seen, ElementsAre("#3", "#4"));
  EXPECT_THAT(other.seen, ElementsAre("#4"));
  Announce(4, 11);
  EXPECT_THAT(member_.seen, ElementsAre("#3", "#4"));
  world_.hub.Leave(other);
}

TEST_F(CountTest, OfZeroIsToldToNobodyWhoIsThere) {
  world_.Join(member_);
  Announce(0, 1);
  world_.hub.TellCount("QGIS", {0, 2});
  EXPECT_THAT(member_.seen, IsEmpty());
  Announce(1, 3);
  EXPECT_THAT(member_.seen, ElementsAre("#1"));
}

TEST_F(CountTest, IsNoPartOfTheWindow) {
  Announce(1, 1);
  world_.Join(member_);
  EXPECT_THAT(member_.seen, IsEmpty());
}

}  // namespace
}  // namespace gischat::edge::hub
