#include "edge/hub/hub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/unit/hub/world.h"

namespace gischat::edge::hub {
namespace {

using chat::v1::ChatMessage;
using codec::Shape;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Hub, KnowsItsChannels) {
  World world;
  EXPECT_TRUE(world.hub.HasChannel("QGIS"));
  EXPECT_TRUE(world.hub.HasChannel("Geotribu"));
  EXPECT_FALSE(world.hub.HasChannel("qgis"));
}

TEST(Hub, ShowsTheWindowThenTheCountToClientsOfTheChannelsApi) {
  World world;
  world.Apply({SnapshotAt(5, {TextAt(3), TextAt(5)})});
  RecordingMember member;
  world.Join(member, {4, 1});
  EXPECT_THAT(member.seen, ElementsAre("t3", "t5", "#4"));
  EXPECT_EQ(member.replayed, 2);
  world.hub.Leave(member);
}

TEST(Hub, ShowsTheCountThenTheWindowToClientsOfTheRoomsApi) {
  World world;
  world.Apply({SnapshotAt(5, {TextAt(3), TextAt(5)})});
  RecordingMember member(Shape::kRooms);
  world.Join(member, {4, 1});
  EXPECT_THAT(member.seen, ElementsAre("#4", "t3", "t5"));
  world.hub.Leave(member);
}

TEST(Hub, ShowsTheWindowAloneWhileTheCountIsUnknown) {
  World world;
  world.Apply({SnapshotAt(5, {TextAt(3)})});
  RecordingMember member;
  world.Join(member);
  EXPECT_THAT(member.seen, ElementsAre("t3"));
  world.hub.TellCount(member, {2, 9});
  EXPECT_THAT(member.seen, ElementsAre("t3", "#2"));
  world.hub.Leave(member);
}

TEST(Hub, FlushesOncePerBatch) {
  World world;
  world.Apply({SnapshotAt(0)});
  RecordingMember member;
  world.Join(member, {1, 1});
  const int before = member.flushes;
  world.Apply({UpdateOf(TextAt(1)), UpdateOf(TextAt(2)), UpdateOf(TextAt(3))});
  EXPECT_EQ(member.flushes, before + 1);
  EXPECT_THAT(member.seen, ElementsAre("#1", "t1", "t2", "t3"));
  world.hub.Leave(member);
}

TEST(Hub, KeepsTheOrderOfABatchAroundWhatOnlySomeAreTold) {
  World world;
  world.Apply({SnapshotAt(0)});
  RecordingMember liked(Shape::kChannels, "Ada");
  RecordingMember other;
  world.Join(liked, {1, 1});
  world.Join(other, {2, 2});
  world.Apply({UpdateOf(TextAt(1)), UpdateOf(EventAt(2, tests::LikeMessage("Ada"), false)),
               UpdateOf(TextAt(3)), UpdateOf(EventAt(4, tests::CountMessage(3, 3), false)),
               UpdateOf(TextAt(5))});
  EXPECT_THAT(liked.seen, ElementsAre("#1", "t1", "*Ada", "t3", "#3", "t5"));
  EXPECT_THAT(other.seen, ElementsAre("#2", "t1", "t3", "#3", "t5"));
  world.hub.Leave(liked);
  world.hub.Leave(other);
}

TEST(Hub, HandsTheSameBytesToAllClientsOfAShape) {
  World world;
  world.Apply({SnapshotAt(0)});
  RecordingMember one;
  RecordingMember two;
  world.Join(one);
  world.Join(two);
  world.Happen(TextAt(1));
  ASSERT_EQ(one.frames.size(), 1u);
  EXPECT_EQ(one.frames[0].get(), two.frames[0].get());
  EXPECT_EQ(world.observer.delivered[ChatMessage::kText], 2u);
  world.hub.Leave(one);
  world.hub.Leave(two);
}

TEST(Hub, KeepsChannelsApart) {
  World world;
  ChannelUpdate other = SnapshotAt(0);
  other.channel = "Geotribu";
  world.Apply({SnapshotAt(0), other});
  RecordingMember here;
  RecordingMember there;
  world.Join(here);
  world.hub.Join(there, "Geotribu", nullptr, [] {});
  world.Happen(TextAt(1));
  EXPECT_THAT(here.seen, ElementsAre("t1"));
  EXPECT_THAT(there.seen, IsEmpty());
  world.hub.Leave(here);
  world.hub.Leave(there);
}

TEST(Hub, IgnoresChannelsThatItDoesNotHave) {
  World world;
  ChannelUpdate other = SnapshotAt(0, {TextAt(1)});
  other.channel = "nope";
  world.Apply({other});
  EXPECT_EQ(world.hub.member_count(), 0u);
}

TEST(Hub, HidesScriptsFromRooms) {
  World world;
  world.Apply({SnapshotAt(2, {TextAt(1), EventAt(2, tests::ScriptMessage("old"))})});
  RecordingMember rooms(Shape::kRooms);
  RecordingMember channels;
  world.Join(rooms);
  world.Join(channels);
  world.Happen(EventAt(3, tests::ScriptMessage("new")));
  EXPECT_THAT(rooms.seen, ElementsAre("t1"));
  EXPECT_THAT(channels.seen, ElementsAre("t1", "script old", "script new"));
  EXPECT_EQ(world.observer.delivered[ChatMessage::kScript], 1u);
  world.hub.Leave(rooms);
  world.hub.Leave(channels);
}

TEST(Hub, ShowsLikesOnlyToSocketsRegisteredAsTheLikedAuthor) {
  World world;
  world.Apply({SnapshotAt(0)});
  RecordingMember bob(Shape::kChannels, "Bob");
  RecordingMember bobs_room(Shape::kRooms, "Bob");
  RecordingMember lower_bob(Shape::kChannels, "bob");
  RecordingMember nobody;
  for (RecordingMember* member : {&bob, &bobs_room, &lower_bob, &nobody}) world.Join(*member);
  world.Happen(EventAt(1, tests::LikeMessage("Bob"), /*stored=*/false));
  EXPECT_THAT(bob.seen, ElementsAre("*Bob"));
  EXPECT_THAT(bobs_room.seen, ElementsAre("*Bob"));
  EXPECT_THAT(lower_bob.seen, IsEmpty());
  EXPECT_THAT(nobody.seen, IsEmpty());
  EXPECT_EQ(world.observer.delivered[ChatMessage::kLike], 2u);
  for (RecordingMember* member : {&bob, &bobs_room, &lower_bob, &nobody}) world.hub.Leave(*member);
}

TEST(Hub, LikesOfNobodyReachNobody) {
  World world;
  world.Apply({SnapshotAt(0)});
  RecordingMember unregistered;
  world.Join(unregistered);
  world.Happen(EventAt(1, tests::LikeMessage("Bob"), /*stored=*/false));
  EXPECT_THAT(unregistered.seen, IsEmpty());
  world.hub.Leave(unregistered);
}

TEST(Hub, LetsNobodyInBeforeTheFirstSnapshot) {
  World world;
  RecordingMember member;
  bool joined = false;
  const Count count{4, 1};
  world.hub.Join(member, kChannel, &count, [&] { joined = true; });
  EXPECT_FALSE(joined);
  EXPECT_EQ(world.hub.member_count(), 0u);
  world.Apply({SnapshotAt(1, {TextAt(1)}), UpdateOf(TextAt(2))});
  EXPECT_TRUE(joined);
  EXPECT_THAT(member.seen, ElementsAre("t1", "#4", "t2"));
  EXPECT_EQ(world.hub.member_count(), 1u);
  world.hub.Leave(member);
}

TEST(Hub, CallsJoinedWhenTheReplayIsQueued) {
  World world;
  world.Apply({SnapshotAt(1, {TextAt(1)})});
  RecordingMember member;
  size_t queued = 0;
  world.hub.Join(member, kChannel, nullptr, [&] { queued = member.frames.size(); });
  EXPECT_EQ(queued, 1u);
  world.hub.Leave(member);
}

TEST(Hub, WhoWaitsLearnsTheCountThatCameMeanwhile) {
  World world;
  RecordingMember early;
  RecordingMember updated;
  world.Join(early);
  world.Join(updated, {1, 1});
  world.hub.TellCount(early, {2, 2});
  world.hub.TellCount(updated, {3, 3});
  EXPECT_THAT(early.frames, IsEmpty());
  world.Apply({SnapshotAt(0)});
  EXPECT_THAT(early.seen, ElementsAre("#2"));
  EXPECT_THAT(updated.seen, ElementsAre("#3"));
  world.hub.Leave(early);
  world.hub.Leave(updated);
}

TEST(Hub, SendsNothingToThoseWhoLeft) {
  World world;
  RecordingMember waiting;
  world.Join(waiting);
  world.hub.Leave(waiting);
  world.Apply({SnapshotAt(1, {TextAt(1)})});
  EXPECT_THAT(waiting.frames, IsEmpty());

  RecordingMember inside;
  world.Join(inside);
  world.hub.Leave(inside);
  world.Happen(TextAt(2));
  world.hub.TellCount(inside, {9, 9});
  EXPECT_THAT(inside.seen, ElementsAre("t1"));
  EXPECT_EQ(world.hub.member_count(), 0u);
}

TEST(Hub, LeavingTwiceOrWithoutHavingJoinedIsHarmless) {
  World world;
  world.Apply({SnapshotAt(0)});
  RecordingMember member;
  world.hub.Leave(member);
  world.Join(member);
  world.hub.Leave(member);
  world.hub.Leave(member);
  EXPECT_EQ(world.hub.member_count(), 0u);
}

TEST(Hub, WhoLeavesInTheMiddleOfTheListTakesNobodyWithIt) {
  World world;
  world.Apply({SnapshotAt(0)});
  std::vector<std::unique_ptr<RecordingMember>> members;
  for (int i = 0; i < 5; ++i) {
    members.push_back(std::make_unique<RecordingMember>());
    world.Join(*members.back());
  }
  for (const size_t leaver : {1u, 4u, 0u}) world.hub.Leave(*members[leaver]);
  world.Happen(TextAt(1));
  EXPECT_EQ(world.hub.member_count(), 2u);
  for (const size_t i : {2u, 3u}) {
    EXPECT_THAT(members[i]->seen, ElementsAre("t1"));
    world.hub.Leave(*members[i]);
  }
}

TEST(Hub, KeepsTheLastStoredMessagesForThoseWhoJoin) {
  World world;
  world.Apply({SnapshotAt(2, {TextAt(1), TextAt(2)})});
  world.Happen(TextAt(3));
  world.Happen(TextAt(4, /*stored=*/false));
  world.Happen(TextAt(5));
  RecordingMember member;
  world.Join(member);
  EXPECT_THAT(member.seen, ElementsAre("t2", "t3", "t5"));
  world.hub.Leave(member);
}

TEST(Hub, KeepsNothingWhereNothingIsStored) {
  World world;
  world.Apply({SnapshotAt(2, {}, kEpoch, /*limit=*/0)});
  world.Happen(TextAt(3));
  RecordingMember member;
  world.Join(member);
  EXPECT_THAT(member.seen, IsEmpty());
  world.hub.Leave(member);
}

TEST(Hub, TakesEachEventOnce) {
  World world;
  world.Apply({SnapshotAt(1, {TextAt(1)})});
  RecordingMember member;
  world.Join(member);
  world.Apply({UpdateOf(TextAt(1)), UpdateOf(TextAt(2)), UpdateOf(TextAt(2)), UpdateOf(TextAt(1)),
               UpdateOf(TextAt(3))});
  EXPECT_THAT(member.seen, ElementsAre("t1", "t2", "t3"));
  world.hub.Leave(member);
}

TEST(Hub, AfterASnapshotOfTheSameEpochShowsTheStoredMessagesThatWereMissed) {
  World world;
  world.Apply({SnapshotAt(1, {TextAt(1)})});
  RecordingMember member;
  world.Join(member);
  world.Apply({SnapshotAt(5, {TextAt(1), TextAt(3), TextAt(5)}), UpdateOf(TextAt(6))});
  EXPECT_THAT(member.seen, ElementsAre("t1", "t3", "t5", "t6"));
  EXPECT_THAT(world.observer.restarts, ElementsAre(kChannel));
  RecordingMember late;
  world.Join(late);
  EXPECT_THAT(late.seen, ElementsAre("t3", "t5", "t6"));
  world.hub.Leave(member);
  world.hub.Leave(late);
}

TEST(Hub, AfterASnapshotOfANewEpochShowsWhatWasNotSeenAndDoublesNothing) {
  constexpr uint64_t kNext = kEpoch + 1;
  const auto say = [](uint64_t offset, const std::string& text, uint64_t token) {
    return EventAt(offset, tests::TextMessage(text), true, kNext, token);
  };
  World world;
  world.Apply({SnapshotAt(2, {TextAt(1), TextAt(2)})});
  RecordingMember member;
  world.Join(member);
  world.Happen(TextAt(3));
  // The store lost the third and got another one.
  world.Apply({SnapshotAt(3, {say(1, "t1", 1001), say(2, "t2", 1002), say(3, "u3", 5)}, kNext),
               UpdateOf(say(4, "u4", 6))});
  EXPECT_THAT(member.seen, ElementsAre("t1", "t2", "t3", "u3", "u4"));
  RecordingMember late;
  world.Join(late);
  EXPECT_THAT(late.seen, ElementsAre("t2", "u3", "u4"));
  world.hub.Leave(member);
  world.hub.Leave(late);
}

TEST(Hub, WhatIsSaidAgainInANewEpochIsNotShownAgain) {
  constexpr uint64_t kNext = kEpoch + 1;
  const auto say = [](uint64_t offset, const std::string& text, uint64_t token) {
    return EventAt(offset, tests::TextMessage(text), true, kNext, token);
  };
  World world;
  world.Apply({SnapshotAt(1, {TextAt(1)})});
  RecordingMember member;
  world.Join(member);
  world.Happen(TextAt(2));
  world.Happen(TextAt(3));
  // The store failed over without the last two, and goes on without a snapshot.
  world.Apply(
      {UpdateOf(say(2, "t3", 1003)), UpdateOf(say(3, "u", 5)), UpdateOf(say(4, "t2", 1002))});
  EXPECT_THAT(member.seen, ElementsAre("t1", "t2", "t3", "u"));
  RecordingMember late;
  world.Join(late);
  EXPECT_THAT(late.seen, ElementsAre("t2", "t3", "u"));
  world.hub.Leave(member);
  world.hub.Leave(late);
}

TEST(Hub, WhatIsSaidAgainInAStoreThatCameBackEmptyIsInTheWindowAgain) {
  constexpr uint64_t kNext = kEpoch + 1;
  World world;
  world.Apply({SnapshotAt(1, {TextAt(1)})});
  RecordingMember member;
  world.Join(member);
  world.Happen(TextAt(2));
  world.Apply({SnapshotAt(0, {}, kNext),
               UpdateOf(EventAt(1, tests::TextMessage("t2"), true, kNext, 1002))});
  EXPECT_THAT(member.seen, ElementsAre("t1", "t2"));
  RecordingMember late;
  world.Join(late);
  EXPECT_THAT(late.seen, ElementsAre("t2"));
  world.hub.Leave(member);
  world.hub.Leave(late);
}

TEST(Hub, RemembersTenThousandEventsForANewEpoch) {
  World world;
  world.Apply({SnapshotAt(0)});
  RecordingMember member;
  world.Join(member);
  for (uint64_t offset = 1; offset <= kRememberedEvents + 1; ++offset) {
    world.Happen(TextAt(offset, /*stored=*/false));
  }
  member.seen.clear();
  const auto at = [](uint64_t offset, uint64_t token) {
    return EventAt(offset, tests::TextMessage(std::to_string(token)), true, kEpoch + 1, token);
  };
  world.Apply({SnapshotAt(2, {at(1, 1001), at(2, 1003)}, kEpoch + 1)});
  EXPECT_THAT(member.seen, ElementsAre("1001"));
  world.hub.Leave(member);
}

TEST(Hub, ChangesOfShapeAndNicknameCountFromTheNextMessage) {
  World world;
  world.Apply({SnapshotAt(0)});
  RecordingMember member;
  world.Join(member);
  ChatMessage reply = tests::TextMessage("yes");
  reply.set_in_reply_to_id("0b8de8a7-ff1f-4bb6-a9d1-1d0b4dbb2a11");
  world.Happen(EventAt(1, reply));
  member.shape = Shape::kReplies;
  world.Happen(EventAt(2, reply));
  EXPECT_EQ(tests::PayloadOf(*member.frames[0]).find("in_reply_to_id"), std::string::npos);
  EXPECT_NE(tests::PayloadOf(*member.frames[1]).find("in_reply_to_id"), std::string::npos);
  world.hub.Leave(member);
}

TEST(Hub, TenThousandClientsComeAndGo) {
  World world;
  world.Apply({SnapshotAt(1, {TextAt(1)})});
  std::vector<std::unique_ptr<RecordingMember>> members;
  for (int i = 0; i < 10'000; ++i) {
    members.push_back(std::make_unique<RecordingMember>());
    world.Join(*members.back());
  }
  EXPECT_EQ(world.hub.member_count(), 10'000u);
  world.Happen(TextAt(2));
  for (const auto& member : members) {
    ASSERT_THAT(member->seen, ElementsAre("t1", "t2"));
    world.hub.Leave(*member);
  }
  EXPECT_EQ(world.hub.member_count(), 0u);
}

TEST(Hub, AChannelThatComesLaterCanBeJoined) {
  World world;
  EXPECT_FALSE(world.hub.HasChannel("New"));
  world.hub.Open("New");
  EXPECT_TRUE(world.hub.HasChannel("New"));
  RecordingMember member;
  bool joined = false;
  world.hub.Join(member, "New", nullptr, [&] { joined = true; });
  EXPECT_FALSE(joined) << "before its first snapshot";
  ChannelUpdate snapshot = SnapshotAt(5, {TextAt(5)});
  snapshot.channel = "New";
  ChannelUpdate next = UpdateOf(TextAt(6));
  next.channel = "New";
  world.Apply({snapshot, next});
  EXPECT_TRUE(joined);
  EXPECT_THAT(member.seen, ElementsAre("t5", "t6"));
  world.hub.Leave(member);
}

TEST(Hub, WhoIsInAChannelThatIsClosedGoesOnHearingIt) {
  World world;
  world.Apply({SnapshotAt(0)});
  RecordingMember member;
  world.Join(member);
  world.hub.Close(kChannel);
  EXPECT_FALSE(world.hub.HasChannel(kChannel));
  world.hub.Forget(kChannel);  // without effect: somebody is there
  world.Happen(TextAt(1));
  EXPECT_THAT(member.seen, ElementsAre("t1"));
  EXPECT_EQ(world.hub.place(kChannel).offset, 1u);
  world.hub.Leave(member);
  world.hub.Forget(kChannel);
  world.Happen(TextAt(2));
  EXPECT_EQ(world.hub.place(kChannel).epoch, 0u) << "not forgotten";
}

TEST(Hub, AChannelThatIsOpenedAgainIsAsItWas) {
  World world;
  world.Apply({SnapshotAt(3, {TextAt(3)})});
  world.hub.Close(kChannel);
  world.hub.Open(kChannel);
  world.hub.Forget(kChannel);  // without effect: it is open
  EXPECT_TRUE(world.hub.HasChannel(kChannel));
  RecordingMember member;
  world.Join(member);
  EXPECT_THAT(member.seen, ElementsAre("t3"));
  world.hub.Leave(member);
}

TEST(Hub, AChannelThatWasForgottenBeginsAfresh) {
  World world;
  world.Apply({SnapshotAt(3, {TextAt(3)})});
  world.hub.Close(kChannel);
  world.hub.Forget(kChannel);
  world.hub.Open(kChannel);
  RecordingMember member;
  world.Join(member);
  EXPECT_THAT(member.seen, IsEmpty());
  world.Apply({SnapshotAt(9, {TextAt(9)})});
  EXPECT_THAT(member.seen, ElementsAre("t9"));
  EXPECT_THAT(world.observer.restarts, IsEmpty());
  world.hub.Leave(member);
}

}  // namespace
}  // namespace gischat::edge::hub
