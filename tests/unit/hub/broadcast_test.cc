#include "edge/hub/broadcast.h"

#include <gtest/gtest.h>

#include "edge/codec/message_encoder.h"
#include "tests/support/chat_messages.h"
#include "tests/support/websocket_frames.h"

namespace gischat::edge::hub {
namespace {

using codec::Shape;

TEST(Broadcast, IsRenderedOncePerShapeAndShared) {
  chat::v1::ChatMessage message = tests::TextMessage("hi");
  message.set_in_reply_to_id("0b8de8a7-ff1f-4bb6-a9d1-1d0b4dbb2a11");
  const Broadcast broadcast(message);
  for (const Shape shape : {Shape::kRooms, Shape::kChannels, Shape::kReplies}) {
    const codec::SharedBytes first = broadcast.Frame(shape);
    EXPECT_EQ(first.get(), broadcast.Frame(shape).get());
    EXPECT_EQ(tests::PayloadOf(*first), codec::EncodeMessage(message, shape));
  }
  EXPECT_NE(*broadcast.Frame(Shape::kChannels), *broadcast.Frame(Shape::kReplies));
}

TEST(Broadcast, SharesBytesBetweenShapesThatAreEqual) {
  const Broadcast broadcast(tests::TextMessage("hi"));
  EXPECT_EQ(broadcast.Frame(Shape::kReplies).get(), broadcast.Frame(Shape::kChannels).get());
  EXPECT_NE(broadcast.Frame(Shape::kRooms).get(), broadcast.Frame(Shape::kChannels).get());
}

TEST(Broadcast, HasNoFrameForClientsThatDoNotSeeTheKind) {
  const Broadcast broadcast(tests::ScriptMessage("clip"));
  EXPECT_EQ(broadcast.Frame(Shape::kRooms), nullptr);
  EXPECT_NE(broadcast.Frame(Shape::kChannels), nullptr);
}

}  // namespace
}  // namespace gischat::edge::hub
