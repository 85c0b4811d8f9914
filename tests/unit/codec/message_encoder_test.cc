#include "edge/codec/message_encoder.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <variant>

#include "edge/codec/message_decoder.h"
#include "tests/unit/codec/kinds.h"

namespace gischat::edge::codec {
namespace {

using chat::v1::ChatMessage;

ChatMessage Published(const KindOfMessage& kind, const Members& members) {
  DecodedMessage decoded =
      DecodeMessage(std::get<JsonDocument>(ParseJson(JsonOf(members))), Api::kChannels);
  EXPECT_TRUE(decoded.violations.empty()) << kind.type;
  decoded.message.set_id(kId);
  decoded.message.set_timestamp(kTimestamp);
  return std::move(decoded.message);
}

ChatMessage Made(void (*fill)(ChatMessage*)) {
  ChatMessage message;
  message.set_id(kId);
  message.set_timestamp(kTimestamp);
  fill(&message);
  return message;
}

constexpr char kIdentity[] =
    R"("id":"6a1f4a9e-5d1c-4b51-9f0e-3a52f1d9d0aa","timestamp":1760000000)";

TEST(MessageEncoder, EncodesWhatWasDecodedInTheSameOrderOfKeys) {
  for (const KindOfMessage& kind : KindsOfMessages()) {
    const ChatMessage message = Published(kind, MembersOf(kind));
    EXPECT_EQ(EncodeMessage(message, Shape::kChannels), JsonOf(PublishedMembersOf(kind)));
    EXPECT_EQ(EncodeMessage(message, Shape::kReplies), JsonOf(PublishedMembersOf(kind)));
  }
}

TEST(MessageEncoder, LeavesIdAndTimestampAndScriptsOutForRooms) {
  for (const KindOfMessage& kind : KindsOfMessages()) {
    const auto json = EncodeMessage(Published(kind, MembersOf(kind)), Shape::kRooms);
    if (kind.type == "script") {
      EXPECT_EQ(json, std::nullopt);
    } else {
      EXPECT_EQ(json, JsonOf(MembersOf(kind)));
    }
  }
}

TEST(MessageEncoder, WritesNullForOptionalFieldsThatAreAbsent) {
  for (const KindOfMessage& kind : KindsOfMessages()) {
    Members sent = MembersOf(kind);
    Members expected = PublishedMembersOf(kind);
    for (const Field& field : kind.fields) {
      if (field.type != FieldType::kOptionalText) continue;
      sent = Without(sent, field.key);
      expected = With(expected, field.key, "null");
    }
    EXPECT_EQ(EncodeMessage(Published(kind, sent), Shape::kChannels), JsonOf(expected));
  }
}

TEST(MessageEncoder, ShowsRepliesLastAndOnlyToThoseWhoUnderstandThem) {
  const std::string reply = "\"" + std::string(kRepliedId) + "\"";
  for (const KindOfMessage& kind : KindsOfMessages()) {
    if (!kind.can_reply) continue;
    const ChatMessage message = Published(kind, With(MembersOf(kind), "in_reply_to_id", reply));
    EXPECT_EQ(EncodeMessage(message, Shape::kReplies),
              JsonOf(With(PublishedMembersOf(kind), "in_reply_to_id", reply)));
    EXPECT_EQ(EncodeMessage(message, Shape::kChannels), JsonOf(PublishedMembersOf(kind)));
    if (kind.type == "script") continue;
    EXPECT_EQ(EncodeMessage(message, Shape::kRooms), JsonOf(MembersOf(kind)));
  }
}

TEST(MessageEncoder, EncodesWhatOnlyTheServerSays) {
  const ChatMessage exiter =
      Made([](ChatMessage* message) { message->mutable_exiter()->set_exiter("Ada"); });
  EXPECT_EQ(EncodeMessage(exiter, Shape::kChannels),
            R"({"type":"exiter",)" + std::string(kIdentity) + R"(,"exiter":"Ada"})");
  EXPECT_EQ(EncodeMessage(exiter, Shape::kRooms), R"({"type":"exiter","exiter":"Ada"})");

  const ChatMessage count = Made([](ChatMessage* message) {
    message->mutable_nb_users()->set_nb_users(12);
    message->mutable_nb_users()->set_revision(99);
  });
  EXPECT_EQ(EncodeMessage(count, Shape::kReplies),
            R"({"type":"nb_users",)" + std::string(kIdentity) + R"(,"nb_users":12})");
  EXPECT_EQ(EncodeMessage(count, Shape::kRooms), R"({"type":"nb_users","nb_users":12})");

  const ChatMessage refusal =
      Made([](ChatMessage* message) { message->mutable_uncompliant()->set_reason("no \"x\""); });
  EXPECT_EQ(EncodeMessage(refusal, Shape::kChannels),
            R"({"type":"uncompliant",)" + std::string(kIdentity) + R"(,"reason":"no \"x\""})");
  EXPECT_EQ(EncodeMessage(refusal, Shape::kRooms), R"({"type":"uncompliant","reason":"no \"x\""})");
}

TEST(MessageEncoder, EncodesNothingWithoutAKind) {
  EXPECT_EQ(EncodeMessage(ChatMessage(), Shape::kChannels), std::nullopt);
  EXPECT_EQ(EncodeMessage(ChatMessage(), Shape::kRooms), std::nullopt);
}

TEST(MessageEncoder, NamesEveryKind) {
  for (const KindOfMessage& kind : KindsOfMessages()) EXPECT_EQ(KindName(kind.kind), kind.type);
  EXPECT_EQ(KindName(ChatMessage::kExiter), "exiter");
  EXPECT_EQ(KindName(ChatMessage::kNbUsers), "nb_users");
  EXPECT_EQ(KindName(ChatMessage::kUncompliant), "uncompliant");
  EXPECT_EQ(KindName(ChatMessage::KIND_NOT_SET), "");
}

}  // namespace
}  // namespace gischat::edge::codec
