#include "services/moderation/rules.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <limits>

#include "absl/strings/str_cat.h"

namespace gischat::moderation {
namespace {

using chat::v1::ChatMessage;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using v1::Violation;

using Faults = google::protobuf::RepeatedPtrField<Violation>;

ChatMessage Parse(const std::string& text) {
  ChatMessage message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

// An acceptable message of every kind that clients send.
std::vector<ChatMessage> AcceptableMessages() {
  return {
      Parse("text { author: 'ada' text: 'hello' }"),
      Parse("image { author: 'ada' image_data: 'AAAA' }"),
      Parse("geojson { author: 'ada' layer_name: 'l' crs_wkt: 'w' crs_authid: 'EPSG:4326' "
            "geojson: '{}' feature_count: 1 style: 's' }"),
      Parse("crs { author: 'ada' crs_wkt: 'w' crs_authid: 'EPSG:4326' }"),
      Parse("bbox { author: 'ada' crs_wkt: 'w' crs_authid: 'a' xmin: 1 xmax: 2 ymin: 3 ymax: 4 }"),
      Parse("position { author: 'ada' crs_wkt: 'w' crs_authid: 'a' x: 1 y: 2 }"),
      Parse("model { author: 'ada' model_name: 'm' model_group: 'g' raw_xml: '<x/>' }"),
      Parse("script { author: 'ada' name: 's' raw_pycode: 'pass' }"),
      Parse("like { liker_author: 'ada' liked_author: 'bob' message: 'hello' }"),
      Parse("newcomer { newcomer: 'ada' }"),
  };
}

const google::protobuf::FieldDescriptor& KindField(const ChatMessage& message) {
  return *ChatMessage::descriptor()->FindFieldByNumber(static_cast<int>(message.kind_case()));
}

void Set(ChatMessage& message, const std::string& field, const std::string& value) {
  auto* const kind = message.GetReflection()->MutableMessage(&message, &KindField(message));
  const auto* const descriptor = kind->GetDescriptor()->FindFieldByName(field);
  ASSERT_NE(descriptor, nullptr) << field;
  kind->GetReflection()->SetString(kind, descriptor, value);
}

void Set(ChatMessage& message, const std::string& field, double value) {
  auto* const kind = message.GetReflection()->MutableMessage(&message, &KindField(message));
  kind->GetReflection()->SetDouble(kind, kind->GetDescriptor()->FindFieldByName(field), value);
}

Rules DefaultRules() { return Rules({}, {"givemesomecheese"}); }

std::vector<Violation> Judge(const ChatMessage& message) {
  return DefaultRules().Judge(message, {});
}

Violation Fault(Violation::Code code, const std::string& field) {
  Violation violation;
  violation.set_code(code);
  violation.set_field(field);
  violation.set_words(field + ": as the decoder says");
  return violation;
}

std::vector<std::string> FieldsOf(const std::vector<Violation>& violations) {
  std::vector<std::string> fields;
  fields.reserve(violations.size());
  for (const auto& violation : violations) fields.push_back(violation.field());
  return fields;
}

// "é": one code point, two bytes.
std::string Repeat(size_t count, const std::string& what = "\xC3\xA9") {
  std::string text;
  for (size_t i = 0; i < count; ++i) text += what;
  return text;
}

TEST(Rules, AcceptsEveryKindThatClientsSend) {
  for (const auto& message : AcceptableMessages()) {
    EXPECT_TRUE(IsFromClients(message.kind_case()));
    EXPECT_THAT(Judge(message), IsEmpty()) << message.ShortDebugString();
  }
}

TEST(Rules, TellsKindsThatOnlyTheServerMakes) {
  for (const char* text : {"", "exiter {}", "nb_users {}", "uncompliant {}"}) {
    EXPECT_FALSE(IsFromClients(Parse(text).kind_case())) << text;
  }
}

TEST(Rules, NamesKindsAsClientsSpellThem) {
  std::vector<std::string> names;
  for (const auto& message : AcceptableMessages()) {
    names.emplace_back(KindName(message.kind_case()));
  }
  EXPECT_THAT(names, ElementsAre("text", "image", "geojson", "crs", "bbox", "position", "model",
                                 "script", "like", "newcomer"));
  EXPECT_EQ(KindName(ChatMessage::KIND_NOT_SET), "none");
}

struct LengthRule {
  size_t kind;  // index in AcceptableMessages()
  std::string field;
  uint64_t most;
};

class LengthRules : public testing::TestWithParam<LengthRule> {};

TEST_P(LengthRules, AllowTheLimitInCodePointsAndRefuseOneMore) {
  const auto& [kind, field, most] = GetParam();
  ChatMessage message = AcceptableMessages()[kind];
  Set(message, field, "");
  EXPECT_THAT(Judge(message), IsEmpty());
  Set(message, field, Repeat(most));
  EXPECT_THAT(Judge(message), IsEmpty());
  Set(message, field, Repeat(most + 1));
  const auto faults = Judge(message);
  ASSERT_THAT(faults, SizeIs(1));
  EXPECT_EQ(faults[0].code(), Violation::TOO_LONG);
  EXPECT_EQ(faults[0].field(), field);
  EXPECT_EQ(faults[0].limit(), static_cast<int64_t>(most));
  EXPECT_EQ(faults[0].words(),
            absl::StrCat(field, ": at most ", most, " characters (you sent ", most + 1, ")"));
}

std::string LengthRuleName(const testing::TestParamInfo<LengthRule>& info) {
  const auto kind = AcceptableMessages()[info.param.kind].kind_case();
  return std::string(KindName(kind)) + "_" + info.param.field;
}

INSTANTIATE_TEST_SUITE_P(
    All, LengthRules,
    testing::Values(LengthRule{0, "avatar", 255}, LengthRule{0, "text", 255},
                    LengthRule{1, "avatar", 255}, LengthRule{2, "avatar", 255},
                    LengthRule{2, "layer_name", 255}, LengthRule{2, "crs_wkt", 2000},
                    LengthRule{2, "crs_authid", 50}, LengthRule{2, "style", 1'000'000},
                    LengthRule{3, "avatar", 255}, LengthRule{4, "avatar", 255},
                    LengthRule{5, "avatar", 255}, LengthRule{6, "avatar", 255},
                    LengthRule{6, "model_name", 128}, LengthRule{6, "model_group", 128},
                    LengthRule{6, "raw_xml", 1'000'000}, LengthRule{7, "avatar", 255},
                    LengthRule{7, "name", 128}, LengthRule{7, "raw_pycode", 2'000'000},
                    LengthRule{8, "message", 255}),
    LengthRuleName);

struct NicknameField {
  size_t kind;
  std::string field;
};

class Nicknames : public testing::TestWithParam<NicknameField> {
 protected:
  std::vector<Violation> JudgeName(const std::string& name) const {
    ChatMessage message = AcceptableMessages()[GetParam().kind];
    Set(message, GetParam().field, name);
    return Judge(message);
  }
};

TEST_P(Nicknames, AreBoundInLengthAndCharacters) {
  for (const auto& name : {std::string("abc"), std::string(32, 'Z'), std::string("a_-9Z"),
                           std::string("___"), std::string("---")}) {
    EXPECT_THAT(JudgeName(name), IsEmpty()) << name;
  }
  const struct {
    std::string name;
    Violation::Code code;
    std::string words;
  } cases[] = {
      {"", Violation::TOO_SHORT, "at least 3 characters (you sent 0)"},
      {"ab", Violation::TOO_SHORT, "at least 3 characters (you sent 2)"},
      {"$", Violation::TOO_SHORT, "at least 3 characters (you sent 1)"},
      {Repeat(2), Violation::TOO_SHORT, "at least 3 characters (you sent 2)"},
      {std::string(33, 'a'), Violation::TOO_LONG, "at most 32 characters (you sent 33)"},
      {"chri$tian", Violation::BAD_CHARACTERS,
       "only letters, digits, '_' and '-' (you sent 'chri$tian')"},
      {"ann\n", Violation::BAD_CHARACTERS, "only letters, digits, '_' and '-' (you sent 'ann\n')"},
      {Repeat(3), Violation::BAD_CHARACTERS,
       absl::StrCat("only letters, digits, '_' and '-' (you sent '", Repeat(3), "')")},
  };
  for (const auto& [name, code, words] : cases) {
    const auto faults = JudgeName(name);
    ASSERT_THAT(faults, SizeIs(1)) << name;
    EXPECT_EQ(faults[0].code(), code) << name;
    EXPECT_EQ(faults[0].field(), GetParam().field);
    EXPECT_EQ(faults[0].words(), GetParam().field + ": " + words);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Nicknames,
                         testing::Values(NicknameField{0, "author"}, NicknameField{1, "author"},
                                         NicknameField{2, "author"}, NicknameField{3, "author"},
                                         NicknameField{4, "author"}, NicknameField{5, "author"},
                                         NicknameField{6, "author"}, NicknameField{7, "author"},
                                         NicknameField{8, "liker_author"},
                                         NicknameField{8, "liked_author"},
                                         NicknameField{9, "newcomer"}));

TEST(Rules, LimitsOfSystemsCountForLayersOnly) {
  for (const size_t kind : {3, 4, 5}) {
    ChatMessage message = AcceptableMessages()[kind];
    Set(message, "crs_wkt", Repeat(3000));
    Set(message, "crs_authid", Repeat(60));
    EXPECT_THAT(Judge(message), IsEmpty());
  }
}

TEST(Rules, RefuseNumbersThatAreNotFinite) {
  const std::vector<std::pair<size_t, std::string>> fields = {{4, "xmin"}, {4, "xmax"}, {4, "ymin"},
                                                              {4, "ymax"}, {5, "x"},    {5, "y"}};
  for (const auto& [kind, field] : fields) {
    for (const double number :
         {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
          -std::numeric_limits<double>::infinity()}) {
      ChatMessage message = AcceptableMessages()[kind];
      Set(message, field, number);
      const auto faults = Judge(message);
      ASSERT_THAT(faults, SizeIs(1)) << field;
      EXPECT_EQ(faults[0].code(), Violation::NOT_A_NUMBER);
      EXPECT_EQ(faults[0].field(), field);
    }
    ChatMessage message = AcceptableMessages()[kind];
    Set(message, field, std::numeric_limits<double>::max());
    EXPECT_THAT(Judge(message), IsEmpty());
  }
}

TEST(Rules, RefuseLayersWithTooManyFeaturesInTheKnownWords) {
  ChatMessage message = AcceptableMessages()[2];
  message.mutable_geojson()->set_feature_count(500);
  EXPECT_THAT(Judge(message), IsEmpty());
  message.mutable_geojson()->set_feature_count(600);
  const auto faults = Judge(message);
  ASSERT_THAT(faults, SizeIs(1));
  EXPECT_EQ(faults[0].code(), Violation::TOO_MANY_FEATURES);
  EXPECT_EQ(faults[0].field(), "geojson");
  EXPECT_EQ(faults[0].limit(), 500);
  EXPECT_EQ(faults[0].words(), "Too many geojson features : 600 vs max 500 allowed");
}

TEST(Rules, RefuseImageDataOverTheLimitInTheKnownWords) {
  config::ContentLimits limits;
  limits.max_image_raw_length = 8;
  const Rules rules(limits, {});
  ChatMessage message = AcceptableMessages()[1];
  Set(message, "image_data", "AAAABBBB");
  EXPECT_THAT(rules.Judge(message, {}), IsEmpty());
  Set(message, "image_data", "AAAABBBBC");
  const auto faults = rules.Judge(message, {});
  ASSERT_THAT(faults, SizeIs(1));
  EXPECT_EQ(faults[0].code(), Violation::BAD_IMAGE);
  EXPECT_EQ(faults[0].field(), "image_data");
  EXPECT_EQ(faults[0].words(), "Invalid or oversized image data.");
}

TEST(Rules, FollowTheSettings) {
  config::ContentLimits limits;
  limits.min_author_length = 1;
  limits.max_author_length = 2;
  limits.max_message_length = 4;
  limits.max_geojson_features = 0;
  limits.max_model_raw_length = 2;
  limits.max_script_raw_length = 3;
  const Rules rules(limits, {});
  const auto faults_of = [&](const std::string& text) {
    return FieldsOf(rules.Judge(Parse(text), {}));
  };
  EXPECT_THAT(faults_of("text { author: 'a' text: '1234' }"), IsEmpty());
  EXPECT_THAT(faults_of("text { author: 'abc' text: '12345' }"), ElementsAre("author", "text"));
  EXPECT_THAT(faults_of("geojson { author: 'a' feature_count: 1 }"), ElementsAre("geojson"));
  EXPECT_THAT(faults_of("model { author: 'a' raw_xml: '123' }"), ElementsAre("raw_xml"));
  EXPECT_THAT(faults_of("script { author: 'a' raw_pycode: '1234' }"), ElementsAre("raw_pycode"));
}

TEST(Rules, ListFaultsInTheOrderOfTheFieldsWithThoseOfTheDecoder) {
  ChatMessage message = AcceptableMessages()[2];
  Set(message, "author", "a");
  Set(message, "layer_name", Repeat(256));
  Set(message, "style", Repeat(1'000'001));
  Faults decoding;
  *decoding.Add() = Fault(Violation::UNKNOWN_TYPE, "something_else");
  *decoding.Add() = Fault(Violation::NOT_A_FEATURE_COLLECTION, "geojson");
  *decoding.Add() = Fault(Violation::NOT_A_STRING, "crs_wkt");
  *decoding.Add() = Fault(Violation::NOT_A_UUID, "in_reply_to_id");
  *decoding.Add() = Fault(Violation::FRACTIONAL_INTEGER, "timestamp");
  *decoding.Add() = Fault(Violation::NOT_A_UUID, "id");
  EXPECT_THAT(FieldsOf(DefaultRules().Judge(message, decoding)),
              ElementsAre("id", "timestamp", "in_reply_to_id", "author", "layer_name", "crs_wkt",
                          "geojson", "style", "something_else"));
}

TEST(Rules, DontJudgeFieldsThatTheDecoderCouldNotRead) {
  for (const auto& acceptable : AcceptableMessages()) {
    ChatMessage empty = acceptable;
    empty.GetReflection()->MutableMessage(&empty, &KindField(empty))->Clear();
    Faults decoding;
    const auto* const kind = KindField(empty).message_type();
    std::vector<std::string> expected;
    for (int i = 0; i < kind->field_count(); ++i) {
      if (kind->field(i)->name() == "feature_count") continue;
      expected.push_back(kind->field(i)->name());
      *decoding.Add() = Fault(Violation::MISSING, expected.back());
    }
    const auto faults = DefaultRules().Judge(empty, decoding);
    EXPECT_THAT(FieldsOf(faults), expected) << empty.ShortDebugString();
    for (const auto& fault : faults) EXPECT_EQ(fault.code(), Violation::MISSING);
  }
}

TEST(Rules, KeepTheDecodersFaultsOfAMessageWithoutAKind) {
  Faults decoding;
  *decoding.Add() = Fault(Violation::UNKNOWN_TYPE, "type");
  EXPECT_THAT(FieldsOf(DefaultRules().Judge({}, decoding)), ElementsAre("type"));
}

TEST(Rules, StoreWhatBelongsInTheHistory) {
  const auto messages = AcceptableMessages();
  for (size_t kind = 0; kind < messages.size(); ++kind) {
    EXPECT_EQ(DefaultRules().BelongsInHistory(messages[kind]), kind < 8)
        << messages[kind].ShortDebugString();
  }
}

TEST(Rules, DontStoreCheatcodesInTheirExactSpelling) {
  const auto stored = [](const std::string& text) {
    ChatMessage message = AcceptableMessages()[0];
    Set(message, "text", text);
    return DefaultRules().BelongsInHistory(message);
  };
  EXPECT_FALSE(stored("givemesomecheese"));
  EXPECT_TRUE(stored("GiveMeSomeCheese"));
  EXPECT_TRUE(stored(" givemesomecheese"));
  EXPECT_TRUE(stored("wizz"));
}

}  // namespace
}  // namespace gischat::moderation
