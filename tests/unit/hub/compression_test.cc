#include <gmock/gmock.h>

#include <random>
#include <string>
#include <vector>

#include "edge/hub/run.h"
#include "tests/support/deflate.h"
#include "tests/unit/hub/world.h"

namespace gischat::edge::hub {
namespace {

using codec::Shape;
using testing::ElementsAre;
using testing::SizeIs;

constexpr size_t kMinBytes = 1024;

chat::v1::ChatMessage LargeMessage() { return tests::TextMessage(std::string(5000, 'x')); }

BroadcastPtr Make(chat::v1::ChatMessage message) {
  return std::make_shared<const Broadcast>(std::move(message));
}

class CompressionTest : public testing::Test {
 protected:
  RecordingObserver observer_;
  const Compressor compressor_{kMinBytes, observer_};
};

TEST_F(CompressionTest, LargeMessageIsCompressedOncePerShapeAndShared) {
  chat::v1::ChatMessage message = LargeMessage();
  message.set_in_reply_to_id("0b8de8a7-ff1f-4bb6-a9d1-1d0b4dbb2a11");
  const Broadcast broadcast(message);
  for (const Shape shape : {Shape::kRooms, Shape::kChannels, Shape::kReplies}) {
    const codec::SharedBytes compressed = broadcast.Frame(shape, &compressor_);
    for (int client = 0; client < 3; ++client) {
      EXPECT_EQ(broadcast.Frame(shape, &compressor_).get(), compressed.get());
    }
    const codec::SharedBytes plain = broadcast.Frame(shape);
    EXPECT_LT(compressed->size(), plain->size() / 10);
    EXPECT_EQ(tests::TextsOf(*compressed), tests::PayloadsOf(*plain));
  }
  EXPECT_THAT(observer_.compressed, SizeIs(3));
}

TEST_F(CompressionTest, ShapesThatAreEqualShareWhatIsCompressed) {
  const Broadcast broadcast(LargeMessage());
  EXPECT_EQ(broadcast.Frame(Shape::kReplies, &compressor_).get(),
            broadcast.Frame(Shape::kChannels, &compressor_).get());
  EXPECT_THAT(observer_.compressed, SizeIs(1));
}

TEST_F(CompressionTest, IsCountedInBytesOfTheText) {
  const Broadcast broadcast(LargeMessage());
  const auto& compressed = broadcast.Frame(Shape::kRooms, &compressor_);
  const size_t before = codec::PayloadOf(*broadcast.Frame(Shape::kRooms)).size();
  const size_t after = codec::PayloadOf(*compressed).size();
  EXPECT_THAT(observer_.compressed, ElementsAre(std::pair(before, after)));
}

TEST_F(CompressionTest, SmallMessageIsSharedWithThoseWhoDoNotInflate) {
  const Broadcast broadcast(tests::TextMessage("hi"));
  EXPECT_EQ(broadcast.Frame(Shape::kChannels, &compressor_).get(),
            broadcast.Frame(Shape::kChannels).get());
  EXPECT_TRUE(observer_.compressed.empty());
}

TEST_F(CompressionTest, BeginsAtTheBound) {
  const Broadcast broadcast(tests::TextMessage(std::string(2000, 'x')));
  const codec::SharedBytes plain = broadcast.Frame(Shape::kChannels);
  const size_t size = codec::PayloadOf(*plain).size();
  EXPECT_NE(Compressor(size, observer_).Compress(plain), plain);
  EXPECT_EQ(Compressor(size + 1, observer_).Compress(plain), plain);
}

TEST_F(CompressionTest, WhatDoesNotGetSmallerGoesAsItIs) {
  std::mt19937 random(1);
  std::string noise;
  while (noise.size() < 5000) noise.push_back(static_cast<char>(random()));
  const codec::SharedBytes frame = codec::MakeTextFrame(noise);
  EXPECT_EQ(compressor_.Compress(frame).get(), frame.get());
  ASSERT_THAT(observer_.compressed, SizeIs(1));
  EXPECT_EQ(observer_.compressed[0].first, observer_.compressed[0].second);
}

TEST_F(CompressionTest, WhoDoesNotSeeAKindIsNotSentItCompressed) {
  chat::v1::ChatMessage script = tests::ScriptMessage("clip");
  script.mutable_script()->set_raw_pycode(std::string(5000, 'x'));
  const Broadcast broadcast(script);
  EXPECT_EQ(broadcast.Frame(Shape::kRooms, &compressor_), nullptr);
  EXPECT_NE(broadcast.Frame(Shape::kChannels, &compressor_), nullptr);
}

TEST_F(CompressionTest, RunOfSmallMessagesHasTheSamePiecesForAll) {
  hub::Run run;
  for (const char* words : {"a", "b", "c"}) run.Add(Make(tests::TextMessage(words)));
  const std::vector<codec::SharedBytes> inflating = run.Pieces(Shape::kChannels, &compressor_);
  ASSERT_THAT(inflating, SizeIs(1));
  EXPECT_EQ(inflating, run.Pieces(Shape::kChannels));
}

TEST_F(CompressionTest, RunMixesCompressedAndPlainInOrder) {
  hub::Run run;
  run.Add(Make(tests::TextMessage("a")));
  run.Add(Make(LargeMessage()));
  run.Add(Make(tests::TextMessage("b")));
  const std::vector<codec::SharedBytes> pieces = run.Pieces(Shape::kChannels, &compressor_);
  EXPECT_EQ(run.Pieces(Shape::kChannels, &compressor_), pieces) << "joined again";
  ASSERT_THAT(pieces, SizeIs(1)) << "what is compressed is small";
  std::vector<std::string> expected;
  for (const codec::SharedBytes& piece : run.Pieces(Shape::kChannels)) {
    for (const std::string& text : tests::PayloadsOf(*piece)) expected.push_back(text);
  }
  EXPECT_EQ(tests::TextsOf(*pieces[0]), expected);
  EXPECT_THAT(expected, SizeIs(3));
}

TEST_F(CompressionTest, RunOfOneIsTheVeryFrameOfTheBroadcast) {
  const BroadcastPtr large = Make(LargeMessage());
  hub::Run run;
  run.Add(large);
  EXPECT_THAT(run.Pieces(Shape::kRooms, &compressor_),
              ElementsAre(large->Frame(Shape::kRooms, &compressor_)));
}

TEST(HubCompression, ClientsOfBothKindsSeeTheSameAndNothingIsCompressedTwice) {
  World world;
  world.Apply({SnapshotAt(1, {EventAt(1, LargeMessage())})});
  RecordingMember plain;
  RecordingMember one(Shape::kChannels, "", true);
  RecordingMember two(Shape::kChannels, "", true);
  for (RecordingMember* member : {&plain, &one, &two}) world.Join(*member);
  world.Happen(EventAt(2, LargeMessage()));
  world.Happen(TextAt(3));
  EXPECT_THAT(plain.seen, SizeIs(3));
  EXPECT_EQ(one.seen, plain.seen);
  EXPECT_EQ(two.seen, plain.seen);
  EXPECT_EQ(one.frames, two.frames) << "compressed for each of them";
  ASSERT_THAT(one.frames, SizeIs(3));
  EXPECT_NE(one.frames[0], plain.frames[0]) << "the replay";
  EXPECT_NE(one.frames[1], plain.frames[1]);
  EXPECT_EQ(one.frames[2], plain.frames[2]);
  EXPECT_THAT(world.observer.compressed, SizeIs(2));
  EXPECT_EQ(world.observer.delivered[chat::v1::ChatMessage::kText], 6U);
  for (RecordingMember* member : {&plain, &one, &two}) world.hub.Leave(*member);
}

TEST(HubCompression, CountsAndLikesAreNotCompressed) {
  World world(/*compress_bytes=*/1);
  world.Apply({SnapshotAt(0)});
  RecordingMember ada(Shape::kChannels, "Ada", true);
  world.Join(ada, Count{1, 1});
  world.Happen(EventAt(1, tests::CountMessage(2, 2), false));
  world.Happen(EventAt(2, tests::LikeMessage("Ada"), false));
  EXPECT_THAT(ada.seen, ElementsAre("#1", "#2", "*Ada"));
  EXPECT_TRUE(world.observer.compressed.empty());
  world.hub.Leave(ada);
}

}  // namespace
}  // namespace gischat::edge::hub
