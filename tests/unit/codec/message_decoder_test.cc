#include "edge/codec/message_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/codec/kinds.h"

namespace gischat::edge::codec {
namespace {

using chat::v1::ChatMessage;
using testing::ElementsAre;
using testing::IsEmpty;

JsonDocument Document(const std::string& json) {
  auto parsed = ParseJson(json);
  EXPECT_TRUE(std::holds_alternative<JsonDocument>(parsed)) << json;
  return std::get<JsonDocument>(std::move(parsed));
}

DecodedMessage Decode(const std::string& json, Api api = Api::kChannels) {
  return DecodeMessage(Document(json), api);
}

DecodedMessage Decode(const Members& members, Api api = Api::kChannels) {
  return Decode(JsonOf(members), api);
}

// "code field" of every fault.
std::vector<std::string> Faults(const DecodedMessage& decoded) {
  std::vector<std::string> faults;
  for (const Violation& violation : decoded.violations) {
    faults.push_back(std::string(CodeLabel(violation.code())) + " " + violation.field());
  }
  return faults;
}

const std::string kTextJson = R"({"type":"text","author":"Ada","text":"hi")";

DecodedMessage DecodeText(const std::string& members, Api api = Api::kChannels) {
  return Decode(kTextJson + "," + members + "}", api);
}

TEST(MessageDecoder, DecodesEveryKindOfBothApis) {
  for (const KindOfMessage& kind : KindsOfMessages()) {
    for (const Api api : {Api::kChannels, Api::kRooms}) {
      if (api == Api::kRooms && kind.type == "script") continue;
      const DecodedMessage decoded = Decode(MembersOf(kind), api);
      EXPECT_EQ(decoded.message.kind_case(), kind.kind) << kind.type;
      EXPECT_THAT(Faults(decoded), IsEmpty()) << kind.type;
      EXPECT_FALSE(decoded.names_reply);
      EXPECT_EQ(decoded.message.id(), "");
      EXPECT_FALSE(decoded.message.has_timestamp());
    }
  }
}

TEST(MessageDecoder, RequiresEveryFieldThatIsNotOptional) {
  for (const KindOfMessage& kind : KindsOfMessages()) {
    for (const Field& field : kind.fields) {
      const DecodedMessage decoded = Decode(Without(MembersOf(kind), field.key));
      EXPECT_EQ(decoded.message.kind_case(), kind.kind);
      if (field.type == FieldType::kOptionalText) {
        EXPECT_THAT(Faults(decoded), IsEmpty()) << kind.type << " " << field.key;
        continue;
      }
      EXPECT_THAT(Faults(decoded), ElementsAre("missing " + field.key)) << kind.type;
      EXPECT_EQ(decoded.violations[0].words(), field.key + ": required (you sent nothing)");
    }
  }
}

TEST(MessageDecoder, TakesNullForOptionalFieldsOnly) {
  for (const KindOfMessage& kind : KindsOfMessages()) {
    for (const Field& field : kind.fields) {
      const DecodedMessage decoded = Decode(With(MembersOf(kind), field.key, "null"));
      switch (field.type) {
        case FieldType::kOptionalText:
          EXPECT_THAT(Faults(decoded), IsEmpty()) << kind.type << " " << field.key;
          break;
        case FieldType::kText:
          EXPECT_THAT(Faults(decoded), ElementsAre("not_a_string " + field.key));
          break;
        case FieldType::kNumber:
          EXPECT_THAT(Faults(decoded), ElementsAre("not_a_number " + field.key));
          break;
        case FieldType::kLayer:
          EXPECT_THAT(Faults(decoded), ElementsAre("not_a_feature_collection " + field.key));
          break;
      }
    }
  }
}

TEST(MessageDecoder, CoercesNothingToText) {
  for (const KindOfMessage& kind : KindsOfMessages()) {
    for (const Field& field : kind.fields) {
      if (field.type != FieldType::kText && field.type != FieldType::kOptionalText) continue;
      for (const char* wrong : {"1", "1.5", "true", "[]", "{}", "[\"x\"]"}) {
        const DecodedMessage decoded = Decode(With(MembersOf(kind), field.key, wrong));
        EXPECT_THAT(Faults(decoded), ElementsAre("not_a_string " + field.key)) << wrong;
      }
    }
  }
}

TEST(MessageDecoder, KeepsEmptyText) {
  const DecodedMessage decoded = Decode(R"({"type":"text","author":"","avatar":"","text":""})");
  EXPECT_THAT(Faults(decoded), IsEmpty());
  EXPECT_TRUE(decoded.message.text().has_avatar());
  EXPECT_EQ(decoded.message.text().avatar(), "");
}

TEST(MessageDecoder, TellsAnAbsentAvatarFromAnEmptyOne) {
  EXPECT_FALSE(Decode(kTextJson + "}").message.text().has_avatar());
  EXPECT_FALSE(DecodeText(R"("avatar":null)").message.text().has_avatar());
}

TEST(MessageDecoder, ListsFaultsInTheOrderOfTheFields) {
  EXPECT_THAT(
      Faults(Decode(R"({"ymax":"x","xmin":null,"avatar":5,"type":"bbox"})")),
      ElementsAre("missing author", "not_a_string avatar", "missing crs_wkt", "missing crs_authid",
                  "not_a_number xmin", "missing xmax", "missing ymin", "not_a_number ymax"));
  EXPECT_THAT(Faults(Decode(R"({"text":1,"timestamp":[],"id":3,"author":2,"type":"text"})")),
              ElementsAre("wrong_uuid_type id", "wrong_integer_type timestamp",
                          "not_a_string author", "not_a_string text"));
}

TEST(MessageDecoder, ShowsWhatWasSent) {
  const auto words = [](const std::string& json) { return Decode(json).violations[0].words(); };
  EXPECT_EQ(words(R"({"type":"newcomer","newcomer":[1, 2]})"),
            "newcomer: must be text (you sent [1,2])");
  EXPECT_EQ(words(R"({"type":"newcomer","newcomer":true})"),
            "newcomer: must be text (you sent true)");
  EXPECT_EQ(words(R"({"type":"newcomer","newcomer":["123456789 123456789 123456789 123456789é"]})"),
            "newcomer: must be text (you sent [\"123456789 123456789 123456789 12345678…)");
  EXPECT_EQ(words(R"({"type":"position","author":"Ada","crs_wkt":"","crs_authid":"","x":"3,5",)"
                  R"("y":0})"),
            "x: must be a finite number (you sent '3,5')");
}

TEST(MessageDecoder, RefusesKindsThatItDoesNotKnow) {
  for (const char* json : {"{}", R"({"type":null})", R"({"type":5})", R"({"type":""})",
                           R"({"type":"Text"})", R"({"type":["text"]})", R"({"author":"Ada"})"}) {
    const DecodedMessage decoded = Decode(json);
    EXPECT_EQ(decoded.message.kind_case(), ChatMessage::KIND_NOT_SET) << json;
    EXPECT_THAT(Faults(decoded), ElementsAre("unknown_type type")) << json;
  }
  EXPECT_EQ(Decode(R"({"type":"txt"})").violations[0].words(),
            "type: must be one of text, image, geojson, crs, bbox, position, model, script, like, "
            "newcomer (you sent 'txt')");
}

TEST(MessageDecoder, RefusesScriptsOfRoomsClients) {
  const DecodedMessage decoded =
      Decode(R"({"type":"script","author":"Ada","name":"a","raw_pycode":"b"})", Api::kRooms);
  EXPECT_EQ(decoded.message.kind_case(), ChatMessage::KIND_NOT_SET);
  EXPECT_THAT(Faults(decoded), ElementsAre("unknown_type type"));
  EXPECT_EQ(decoded.violations[0].words(),
            "type: must be one of text, image, geojson, crs, bbox, position, model, like, newcomer "
            "(you sent 'script')");
}

TEST(MessageDecoder, IgnoresUnknownKeysAndTakesTheLastOfDuplicates) {
  const DecodedMessage decoded =
      Decode(R"({"x":{"y":[]},"type":"image","type":"text","author":"Ada","text":1,"text":"hi"})");
  EXPECT_THAT(Faults(decoded), IsEmpty());
  EXPECT_EQ(decoded.message.text().text(), "hi");
}

TEST(MessageDecoder, ReadsIdsInEverySpelling) {
  for (const char* spelling : {
           "6a1f4a9e-5d1c-4b51-9f0e-3a52f1d9d0aa",
           "6A1F4A9E-5D1C-4B51-9F0E-3A52F1D9D0AA",
           "6a1f4a9e5d1c4b519f0e3a52f1d9d0aa",
           "urn:uuid:6a1f4a9e-5d1c-4b51-9f0e-3a52f1d9d0aa",
           "{6a1f4a9e-5d1c-4b51-9f0e-3a52f1d9d0aa}",
       }) {
    const DecodedMessage decoded = DecodeText("\"id\":\"" + std::string(spelling) + "\"");
    EXPECT_THAT(Faults(decoded), IsEmpty()) << spelling;
    EXPECT_EQ(decoded.message.id(), kId);
  }
}

TEST(MessageDecoder, RefusesWhatIsNoId) {
  for (const char* text :
       {"", "x", "6a1f4a9e-5d1c-4b51-9f0e-3a52f1d9d0a", "6a1f4a9e-5d1c-4b51-9f0e-3a52f1d9d0aag",
        "6a1f4a9e5-d1c-4b51-9f0e-3a52f1d9d0aa"}) {
    EXPECT_THAT(Faults(DecodeText("\"id\":\"" + std::string(text) + "\"")),
                ElementsAre("not_a_uuid id"));
  }
  for (const char* json : {"null", "1", "[]", "{}", "true"}) {
    EXPECT_THAT(Faults(DecodeText("\"id\":" + std::string(json))),
                ElementsAre("wrong_uuid_type id"));
  }
}

TEST(MessageDecoder, ReadsTimestamps) {
  const std::vector<std::pair<std::string, int64_t>> table = {
      {"12", 12},        {"-3", -3},
      {"-0", 0},         {"2.0", 2},
      {"1e3", 1000},     {"\"12\"", 12},
      {"\" +12 \"", 12}, {"9223372036854775807", std::numeric_limits<int64_t>::max()},
  };
  for (const auto& [json, seconds] : table) {
    const DecodedMessage decoded = DecodeText("\"timestamp\":" + json);
    EXPECT_THAT(Faults(decoded), IsEmpty()) << json;
    ASSERT_TRUE(decoded.message.has_timestamp());
    EXPECT_EQ(decoded.message.timestamp(), seconds) << json;
  }
}

TEST(MessageDecoder, RefusesWhatIsNoTimestamp) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"1.5", "fractional_integer timestamp"},
      {"1e300", "unreadable_integer timestamp"},
      {"9223372036854775808", "unreadable_integer timestamp"},
      {"\"1.5\"", "unreadable_integer timestamp"},
      {"\"\"", "unreadable_integer timestamp"},
      {"\"soon\"", "unreadable_integer timestamp"},
      {"null", "wrong_integer_type timestamp"},
      {"true", "wrong_integer_type timestamp"},
      {"[1]", "wrong_integer_type timestamp"},
      {"{}", "wrong_integer_type timestamp"},
  };
  for (const auto& [json, fault] : table) {
    const DecodedMessage decoded = DecodeText("\"timestamp\":" + json);
    EXPECT_THAT(Faults(decoded), ElementsAre(fault)) << json;
    EXPECT_FALSE(decoded.message.has_timestamp());
  }
}

TEST(MessageDecoder, LooksAtNoIdentityOfRoomsClients) {
  const DecodedMessage decoded = DecodeText(
      R"("id":5,"timestamp":"soon","in_reply_to_id":"0b8de8a7-ff1f-4bb6-a9d1-1d0b4dbb2a11")",
      Api::kRooms);
  EXPECT_THAT(Faults(decoded), IsEmpty());
  EXPECT_EQ(decoded.message.id(), "");
  EXPECT_FALSE(decoded.message.has_timestamp());
  EXPECT_EQ(decoded.message.in_reply_to_id(), "");
  EXPECT_FALSE(decoded.names_reply);
}

TEST(MessageDecoder, LooksAtNoIdentityOfNewcomers) {
  const DecodedMessage decoded =
      Decode(R"({"type":"newcomer","newcomer":"Ada","id":5,"timestamp":"soon"})");
  EXPECT_THAT(Faults(decoded), IsEmpty());
  EXPECT_EQ(decoded.message.id(), "");
}

TEST(MessageDecoder, KeepsTheIdentityOfLikes) {
  const DecodedMessage decoded =
      Decode(R"({"type":"like","liker_author":"a","liked_author":"b","message":"c","timestamp":7,)"
             R"("id":"6a1f4a9e-5d1c-4b51-9f0e-3a52f1d9d0aa"})");
  EXPECT_THAT(Faults(decoded), IsEmpty());
  EXPECT_EQ(decoded.message.id(), kId);
  EXPECT_EQ(decoded.message.timestamp(), 7);
}

TEST(MessageDecoder, KeepsRepliesOfTheKindsThatCanReply) {
  const std::string reply = "\"" + std::string(kRepliedId) + "\"";
  for (const KindOfMessage& kind : KindsOfMessages()) {
    const DecodedMessage decoded = Decode(With(MembersOf(kind), "in_reply_to_id", reply));
    EXPECT_THAT(Faults(decoded), IsEmpty()) << kind.type;
    EXPECT_EQ(decoded.names_reply, kind.can_reply) << kind.type;
    EXPECT_EQ(decoded.message.in_reply_to_id(), kind.can_reply ? kRepliedId : "") << kind.type;
  }
}

TEST(MessageDecoder, NoticesTheReplyKeyWhateverItsValue) {
  for (const char* value : {"null", "\"\"", "5", "\"no uuid\"", "[]"}) {
    const DecodedMessage decoded = DecodeText("\"in_reply_to_id\":" + std::string(value));
    EXPECT_THAT(Faults(decoded), IsEmpty()) << value;
    EXPECT_TRUE(decoded.names_reply) << value;
    EXPECT_EQ(decoded.message.in_reply_to_id(), "") << value;
  }
}

TEST(MessageDecoder, ReadsNumbersAsTheServersInUseDo) {
  const std::vector<std::pair<std::string, double>> table = {
      {"1", 1},     {"-1.5", -1.5},        {"1E2", 100},    {"true", 1},
      {"false", 0}, {"\" 1_000 \"", 1000}, {"\".5\"", 0.5}, {"18446744073709551616", 0x1p64},
  };
  for (const auto& [json, number] : table) {
    const DecodedMessage decoded =
        Decode(R"({"type":"position","author":"Ada","crs_wkt":"","crs_authid":"","y":0,"x":)" +
               json + "}");
    EXPECT_THAT(Faults(decoded), IsEmpty()) << json;
    EXPECT_EQ(decoded.message.position().x(), number) << json;
  }
  for (const char* json : {"\"nan\"", "\"inf\"", "\"1e999\"", "\"\"", "\"0x1\"", "[]", "{}"}) {
    EXPECT_THAT(Faults(Decode(
                    R"({"type":"position","author":"Ada","crs_wkt":"","crs_authid":"","y":0,"x":)" +
                    std::string(json) + "}")),
                ElementsAre("not_a_number x"))
        << json;
  }
}

TEST(MessageDecoder, TakesLayersAsTheyAre) {
  const DecodedMessage decoded =
      Decode(R"({"type":"geojson","author":"Ada","layer_name":"","crs_wkt":"","crs_authid":"",)"
             R"("geojson": { "b" : 1E5, "features" : [ 1 , [ ] ], "a" : "é" }})");
  EXPECT_THAT(Faults(decoded), IsEmpty());
  EXPECT_EQ(decoded.message.geojson().geojson(), R"({"b":1E5,"features":[1,[]],"a":"é"})");
  EXPECT_EQ(decoded.message.geojson().feature_count(), 2u);
}

TEST(MessageDecoder, RefusesLayersWithoutAListOfFeatures) {
  for (const char* layer : {"{}", "[]", "[{\"features\":[]}]", "\"x\"", "1", "null",
                            "{\"features\":{}}", "{\"features\":null}"}) {
    EXPECT_THAT(Faults(Decode(R"({"type":"geojson","author":"Ada","layer_name":"","crs_wkt":"",)"
                              R"("crs_authid":"","geojson":)" +
                              std::string(layer) + "}")),
                ElementsAre("not_a_feature_collection geojson"))
        << layer;
  }
}

TEST(MessageDecoder, DecodesWhatOnlyTheServerSaysWithoutFaults) {
  EXPECT_TRUE(Decode(R"({"type":"nb_users"})").message.has_nb_users());
  EXPECT_TRUE(Decode(R"({"type":"nb_users","nb_users":"x"})").message.has_nb_users());
  EXPECT_TRUE(Decode(R"({"type":"uncompliant","reason":5})").message.has_uncompliant());
  EXPECT_EQ(Decode(R"({"type":"exiter","exiter":"Ada"})").message.exiter().exiter(), "Ada");
  for (const char* json : {R"({"type":"exiter"})", R"({"type":"exiter","exiter":5})"}) {
    const DecodedMessage decoded = Decode(json);
    ASSERT_TRUE(decoded.message.has_exiter());
    EXPECT_EQ(decoded.message.exiter().exiter(), "");
    EXPECT_THAT(Faults(decoded), IsEmpty());
  }
}

TEST(TextBodyDecoder, TakesABodyWithAndWithoutType) {
  for (const char* json :
       {R"({"author":"Ada","text":"hi"})", R"({"type":"text","author":"Ada","text":"hi"})"}) {
    const DecodedMessage decoded = DecodeTextBody(Document(json), Api::kChannels);
    EXPECT_THAT(Faults(decoded), IsEmpty());
    EXPECT_EQ(decoded.message.text().author(), "Ada");
    EXPECT_EQ(decoded.message.text().text(), "hi");
  }
}

TEST(TextBodyDecoder, ListsAWrongTypeFirstAndTheOtherFaultsAllTheSame) {
  for (const char* type : {"null", "5", "\"image\"", "\"nope\""}) {
    const DecodedMessage decoded = DecodeTextBody(
        Document("{\"text\":3,\"timestamp\":1.5,\"type\":" + std::string(type) + "}"),
        Api::kChannels);
    EXPECT_THAT(Faults(decoded), ElementsAre("unknown_type type", "fractional_integer timestamp",
                                             "missing author", "not_a_string text"))
        << type;
    EXPECT_TRUE(decoded.message.has_text());
  }
}

TEST(TextBodyDecoder, KeepsIdentityAndReplyInTheChannelsApiOnly) {
  const std::string json = R"({"author":"Ada","text":"hi","timestamp":7,)"
                           R"("id":"6a1f4a9e-5d1c-4b51-9f0e-3a52f1d9d0aa",)"
                           R"("in_reply_to_id":"0b8de8a7-ff1f-4bb6-a9d1-1d0b4dbb2a11"})";
  const DecodedMessage channels = DecodeTextBody(Document(json), Api::kChannels);
  EXPECT_EQ(channels.message.id(), kId);
  EXPECT_EQ(channels.message.timestamp(), 7);
  EXPECT_EQ(channels.message.in_reply_to_id(), kRepliedId);
  const DecodedMessage rooms = DecodeTextBody(Document(json), Api::kRooms);
  EXPECT_EQ(rooms.message.id(), "");
  EXPECT_EQ(rooms.message.in_reply_to_id(), "");
}

}  // namespace
}  // namespace gischat::edge::codec
