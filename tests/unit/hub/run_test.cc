#include "edge/hub/run.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/support/chat_messages.h"
#include "tests/support/websocket_frames.h"

namespace gischat::edge::hub {
namespace {

using codec::Shape;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr size_t kKibi = 1024;

BroadcastPtr Make(chat::v1::ChatMessage message) {
  return std::make_shared<const Broadcast>(std::move(message));
}
BroadcastPtr Text(const std::string& text) { return Make(tests::TextMessage(text)); }

// A text whose frame has that size for clients of the channels API.
BroadcastPtr TextOfFrame(size_t bytes) {
  const size_t rest = Text(std::string(bytes, 'x'))->Frame(Shape::kChannels)->size() - bytes;
  BroadcastPtr text = Text(std::string(bytes - rest, 'x'));
  EXPECT_EQ(text->Frame(Shape::kChannels)->size(), bytes);
  return text;
}

// What a client of that shape reads, in short; whole frames in each piece.
std::vector<std::string> Read(Run& run, Shape shape) {
  std::vector<std::string> read;
  for (const codec::SharedBytes& piece : run.Pieces(shape)) {
    for (const std::string& payload : tests::PayloadsOf(*piece)) {
      read.push_back(tests::Short(payload));
    }
  }
  return read;
}

std::string Joined(const std::vector<codec::SharedBytes>& pieces) {
  std::string bytes;
  for (const codec::SharedBytes& piece : pieces) bytes += *piece;
  return bytes;
}

TEST(Run, IsEmptyWithoutMessages) {
  hub::Run run;
  EXPECT_TRUE(run.empty());
  EXPECT_THAT(run.Pieces(Shape::kChannels), IsEmpty());
}

TEST(Run, OneMessageIsTheVeryFrameOfTheBroadcast) {
  for (const Shape shape : {Shape::kRooms, Shape::kChannels, Shape::kReplies}) {
    const BroadcastPtr text = Text("hi");
    hub::Run run;
    run.Add(text);
    EXPECT_FALSE(run.empty());
    EXPECT_THAT(run.Pieces(shape), ElementsAre(text->Frame(shape)));
  }
}

TEST(Run, SmallFramesAreJoinedInOrder) {
  hub::Run run;
  for (const char* words : {"a", "b", "c"}) run.Add(Text(words));
  for (const Shape shape : {Shape::kRooms, Shape::kChannels, Shape::kReplies}) {
    EXPECT_EQ(run.Pieces(shape).size(), 1U);
    EXPECT_THAT(Read(run, shape), ElementsAre("a", "b", "c"));
    std::vector<codec::SharedBytes> frames;
    for (const BroadcastPtr& message : run.messages()) frames.push_back(message->Frame(shape));
    EXPECT_EQ(Joined(run.Pieces(shape)), Joined(frames));
  }
}

TEST(Run, IsJoinedOncePerShape) {
  hub::Run run;
  run.Add(Text("a"));
  run.Add(Text("b"));
  const codec::SharedBytes piece = run.Pieces(Shape::kChannels).at(0);
  EXPECT_THAT(run.Pieces(Shape::kChannels), ElementsAre(piece));
  EXPECT_NE(*run.Pieces(Shape::kRooms).at(0), *piece);
}

TEST(Run, LargeFrameIsSharedAndKeepsItsPlace) {
  hub::Run run;
  const BroadcastPtr large = TextOfFrame(8 * kKibi);
  for (const BroadcastPtr& message : {Text("a"), Text("b"), large, Text("c")}) run.Add(message);
  const auto& pieces = run.Pieces(Shape::kChannels);
  ASSERT_EQ(pieces.size(), 3U);
  EXPECT_EQ(pieces[1], large->Frame(Shape::kChannels)) << "copied";
  EXPECT_THAT(Read(run, Shape::kChannels),
              ElementsAre("a", "b", large->message().text().text(), "c"));
}

TEST(Run, FrameBelowTheLimitIsJoined) {
  hub::Run run;
  run.Add(TextOfFrame(8 * kKibi - 1));
  run.Add(Text("a"));
  EXPECT_EQ(run.Pieces(Shape::kChannels).size(), 1U);
}

TEST(Run, NothingEmptyStandsBetweenLargeFrames) {
  hub::Run run;
  const BroadcastPtr first = TextOfFrame(8 * kKibi);
  const BroadcastPtr second = TextOfFrame(100 * kKibi);
  run.Add(first);
  run.Add(second);
  EXPECT_THAT(run.Pieces(Shape::kChannels),
              ElementsAre(first->Frame(Shape::kChannels), second->Frame(Shape::kChannels)));
}

TEST(Run, PiecesAreNotLargerThan64KiB) {
  hub::Run run;
  for (int i = 0; i < 33; ++i) run.Add(TextOfFrame(4 * kKibi));
  std::vector<size_t> sizes;
  for (const auto& piece : run.Pieces(Shape::kChannels)) sizes.push_back(piece->size());
  EXPECT_THAT(sizes, ElementsAre(64 * kKibi, 64 * kKibi, 4 * kKibi));
  EXPECT_EQ(Read(run, Shape::kChannels).size(), 33U);
}

TEST(Run, RoomsAreNotShownScripts) {
  hub::Run run;
  run.Add(Text("a"));
  run.Add(Make(tests::ScriptMessage("clip")));
  run.Add(Text("b"));
  EXPECT_THAT(Read(run, Shape::kRooms), ElementsAre("a", "b"));
  EXPECT_THAT(Read(run, Shape::kChannels), ElementsAre("a", "script clip", "b"));
}

TEST(Run, OfScriptsAloneIsNothingForRooms) {
  hub::Run one;
  one.Add(Make(tests::ScriptMessage("clip")));
  EXPECT_THAT(one.Pieces(Shape::kRooms), IsEmpty());
  hub::Run two;
  two.Add(Make(tests::ScriptMessage("clip")));
  two.Add(Make(tests::ScriptMessage("buffer")));
  EXPECT_THAT(two.Pieces(Shape::kRooms), IsEmpty());
}

}  // namespace
}  // namespace gischat::edge::hub
