#include "edge/codec/json_document.h"

#include <gtest/gtest.h>

#include <ctime>
#include <string>
#include <utility>
#include <vector>

namespace gischat::edge::codec {
namespace {

using Kind = JsonValue::Kind;

JsonDocument Parse(std::string_view text) {
  auto parsed = ParseJson(text);
  if (const auto* error = std::get_if<JsonError>(&parsed)) {
    ADD_FAILURE() << text << ": " << error->words << " at " << error->offset;
    return {};
  }
  return std::get<JsonDocument>(std::move(parsed));
}

std::string Compacted(std::string_view text) { return CompactJson(Parse(text)); }

// The value of the member "v".
JsonValue Member(const std::string& value) {
  JsonDocument document = Parse("{\"v\":" + value + "}");
  const JsonValue* found = document.Find("v");
  if (found == nullptr) {
    ADD_FAILURE() << "no member in " << value;
    return {};
  }
  return *found;
}

bool IsRefused(std::string_view text) { return std::holds_alternative<JsonError>(ParseJson(text)); }

JsonError Fault(std::string_view text) {
  auto parsed = ParseJson(text);
  if (std::holds_alternative<JsonDocument>(parsed)) {
    ADD_FAILURE() << text << " was read";
    return {};
  }
  return std::get<JsonError>(parsed);
}

std::string Nested(int levels) { return std::string(levels, '[') + std::string(levels, ']'); }

TEST(JsonDocument, TellsTheKindsOfMembersApart) {
  EXPECT_EQ(Member("null").kind, Kind::kNull);
  EXPECT_EQ(Member("true").kind, Kind::kBoolean);
  EXPECT_TRUE(Member("true").boolean);
  EXPECT_FALSE(Member("false").boolean);
  EXPECT_EQ(Member("\"x\"").kind, Kind::kString);
  EXPECT_EQ(Member("[]").kind, Kind::kArray);
  EXPECT_EQ(Member("{}").kind, Kind::kObject);
  EXPECT_EQ(Member("7").kind, Kind::kInteger);
  EXPECT_EQ(Member("7.0").kind, Kind::kFloat);
  EXPECT_EQ(Member("7e0").kind, Kind::kFloat);
}

TEST(JsonDocument, UnescapesStrings) {
  EXPECT_EQ(Member(R"("a\"\\\/\b\f\n\r\té\u00e9\ud83d\uDE00")").text,
            "a\"\\/\b\f\n\r\t\u00e9\u00e9\U0001F600");
  EXPECT_EQ(Member("\"\\u0000\"").text, std::string(1, '\0'));
  EXPECT_EQ(Member("\"\"").text, "");
}

TEST(JsonDocument, KeepsTheSpellingOfNumbers) {
  const std::vector<std::pair<std::string, double>> table = {
      {"0", 0},
      {"-0", -0.0},
      {"-0.0", -0.0},
      {"12", 12},
      {"-12", -12},
      {"1E5", 1e5},
      {"1.50", 1.5},
      {"1e-7", 1e-7},
      {"18446744073709551615", 18446744073709551615.0},
      {"18446744073709551616", 18446744073709551616.0},
      {"-9223372036854775809", -9223372036854775809.0},
      {"123456789012345678901234567890", 123456789012345678901234567890.0},
      {"1e-400", 0},
  };
  for (const auto& [spelling, number] : table) {
    const JsonValue value = Member(spelling);
    EXPECT_EQ(value.text, spelling);
    EXPECT_EQ(value.number, number) << spelling;
    const std::string nested = "[" + spelling + ",{\"n\":" + spelling + "}]";
    EXPECT_EQ(Compacted(nested), nested);
  }
}

TEST(JsonDocument, CompactsWhatLiesInsideAMember) {
  EXPECT_EQ(Compacted(" { \"a\" : [ 1 , \"x\" , { \"b\" : null , \"c\" : [ ] } , true , { } ] ,\n"
                      "\t\"d\" : { \"e\" : { \"f\" : false } } }\r\n"),
            R"({"a":[1,"x",{"b":null,"c":[]},true,{}],"d":{"e":{"f":false}}})");
}

TEST(JsonDocument, KeepsKeyOrderAndDuplicatesInsideAMember) {
  EXPECT_EQ(Compacted(R"({"g":{"z":1,"a":2,"z":3}})"), R"({"g":{"z":1,"a":2,"z":3}})");
}

TEST(JsonDocument, UnescapesInsideAMemberWithoutEscapingMoreThanNeeded) {
  EXPECT_EQ(Compacted(R"({"g":["é \/ \" \\ \u0001 [{,:",{"k\n,":1}]})"),
            R"({"g":["é / \" \\ \u0001 [{,:",{"k\n,":1}]})");
}

TEST(JsonDocument, SeparatesValuesAfterStringsThatLookLikeBrackets) {
  EXPECT_EQ(Compacted(R"({"g":["[","{",":",["["],{"a":"["},1]})"),
            R"({"g":["[","{",":",["["],{"a":"["},1]})");
}

TEST(JsonDocument, OfDuplicateMembersTheLastValueCountsInThePlaceOfTheFirst) {
  JsonDocument document = Parse(R"({"a":1,"b":2,"a":{"c":[3]}})");
  ASSERT_EQ(document.members.size(), 2u);
  EXPECT_EQ(CompactJson(document), R"({"a":{"c":[3]},"b":2})");
  EXPECT_EQ(Compacted(R"({"a":{"c":[3]},"b":2,"a":"x"})"), R"({"a":"x","b":2})");
}

TEST(JsonDocument, FindsNothingUnderAnUnknownKey) {
  JsonDocument document = Parse(R"({"a":1,"":2})");
  EXPECT_EQ(document.Find("b"), nullptr);
  ASSERT_NE(document.Find(""), nullptr);
  EXPECT_EQ(document.Find("")->text, "2");
}

TEST(JsonDocument, ReadsRootsThatAreNoObjects) {
  EXPECT_EQ(Parse("null").root.kind, Kind::kNull);
  EXPECT_EQ(Parse(" \"x\" ").root.text, "x");
  EXPECT_EQ(Parse("-7").root.number, -7);
  EXPECT_EQ(Parse("[1, [2]]").root.kind, Kind::kArray);
  EXPECT_EQ(Compacted("[1, [2], {\"a\": []}]"), "[1,[2],{\"a\":[]}]");
  EXPECT_EQ(Compacted("false"), "false");
}

TEST(JsonDocument, CountsTheFeaturesOfAnObject) {
  EXPECT_EQ(Member(R"({"features":[]})").feature_count, 0u);
  EXPECT_EQ(Member(R"({"type":"x","features":[1,"a",[1,2],{"features":[1,2,3]},null],"z":[1]})")
                .feature_count,
            5u);
  EXPECT_EQ(Member(R"({"features":[1],"features":[1,2]})").feature_count, 2u);
}

TEST(JsonDocument, CountsNoFeaturesWhereTheyAreNoList) {
  EXPECT_FALSE(Member(R"({})").feature_count);
  EXPECT_FALSE(Member(R"({"features":3})").feature_count);
  EXPECT_FALSE(Member(R"({"features":"[]"})").feature_count);
  EXPECT_FALSE(Member(R"({"features":{"features":[1]}})").feature_count);
  EXPECT_FALSE(Member(R"({"a":{"features":[1]}})").feature_count);
  EXPECT_FALSE(Member(R"({"a":["features",[1]]})").feature_count);
  EXPECT_FALSE(Member(R"({"features":null,"a":[1]})").feature_count);
  EXPECT_FALSE(Member(R"({"features":[1],"features":null})").feature_count);
  EXPECT_FALSE(Member(R"([{"features":[1]}])").feature_count);
}

TEST(JsonDocument, ReadsAHundredAndTwentyEightLevels) {
  EXPECT_FALSE(IsRefused(Nested(kMaxJsonDepth)));
  EXPECT_FALSE(IsRefused("{\"a\":" + Nested(kMaxJsonDepth - 1) + "}"));
}

TEST(JsonDocument, RefusesOneLevelMore) {
  EXPECT_EQ(Fault(Nested(kMaxJsonDepth + 1)).kind, JsonError::Kind::kTooDeep);
  const JsonError error = Fault("{\"a\":" + Nested(kMaxJsonDepth) + "}");
  EXPECT_EQ(error.kind, JsonError::Kind::kTooDeep);
  EXPECT_EQ(error.words, "nested deeper than 128 levels");
}

TEST(JsonDocument, RefusesAHundredThousandBrackets) {
  EXPECT_TRUE(IsRefused(std::string(100'000, '[')));
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  EXPECT_TRUE(IsRefused(objects));
}

TEST(JsonDocument, RefusesWhatIsNoJsonNumber) {
  for (const char* text : {"NaN", "nan", "Infinity", "-Infinity", "inf", "+1", ".5", "1.", "01",
                           "-", "1e", "0x1", "1_000", "1,000"}) {
    EXPECT_TRUE(IsRefused("{\"v\":" + std::string(text) + "}")) << text;
  }
}

TEST(JsonDocument, RefusesNumbersBeyondDoubles) {
  EXPECT_TRUE(IsRefused("{\"v\":1e999}"));
  EXPECT_TRUE(IsRefused("{\"v\":[-1e999]}"));
  EXPECT_EQ(Fault("[1e999]").words, "number out of range");
  EXPECT_TRUE(IsRefused("[" + std::string(400, '9') + "]"));
}

TEST(JsonDocument, RefusesLoneSurrogates) {
  EXPECT_TRUE(IsRefused(R"(["\ud800"])"));
  EXPECT_TRUE(IsRefused(R"(["\udc00"])"));
  EXPECT_TRUE(IsRefused(R"(["\ud800\ud800"])"));
  EXPECT_TRUE(IsRefused(R"({"\ud800":1})"));
}

TEST(JsonDocument, RefusesIllFormedUtf8) {
  for (const char* bytes :
       {"\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80", "\xe2\x82"}) {
    EXPECT_TRUE(IsRefused("[\"" + std::string(bytes) + "\"]"));
    EXPECT_TRUE(IsRefused("{\"" + std::string(bytes) + "\":1}"));
  }
}

TEST(JsonDocument, RefusesControlCharactersInStrings) {
  EXPECT_TRUE(IsRefused("[\"a\nb\"]"));
  EXPECT_TRUE(IsRefused(std::string_view("[\"\0\"]", 5)));
}

TEST(JsonDocument, RefusesWhateverStandsBehindANul) {
  for (const std::string text : {"7", "{}", "[1]", "\"a\"", ""}) {
    const std::string with_nul = text + std::string(1, '\0');
    EXPECT_EQ(Fault(with_nul).offset, text.size()) << text;
    EXPECT_EQ(Fault(with_nul + "{}").offset, text.size()) << text;
    EXPECT_TRUE(IsRefused(" " + with_nul + " "));
  }
  EXPECT_TRUE(IsRefused(std::string_view("{\"a\":1\0}", 8)));
}

TEST(JsonDocument, SkipsOneByteOrderMark) {
  const std::string mark = "\xEF\xBB\xBF";
  EXPECT_EQ(Parse(mark + "[1]").root.text, "[1]");
  EXPECT_EQ(Fault(mark + "{nope").offset, 1u);
  EXPECT_TRUE(IsRefused(mark + mark + "[1]"));
  EXPECT_TRUE(IsRefused(mark));
  EXPECT_TRUE(IsRefused("[1]" + mark));
}

// As Python's json module reports them, which scripts read in a 422 answer.
TEST(JsonDocument, TellsTheOffsetOfTheOffendingCharacter) {
  const std::vector<std::pair<std::string, size_t>> table = {
      {"{nope", 1},
      {"{\"a\":", 5},
      {"{\"a\" 1}", 5},
      {"{} x", 3},
      {"", 0},
      {"[1,2", 4},
      {"{\"a\":\"b", 5},
      {"tru", 0},
      {"nul", 0},
      {"[1,]", 3},
      {"{\"a\":1,}", 7},
      {"{\"a\":1 \"b\":2}", 7},
      {"[\"a\nb\"]", 3},
      {"{1:2}", 1},
      {"{,}", 1},
      {"[1 2]", 3},
      {"\"a\" \"b\"", 4},
      {"[}", 1},
      {"]", 0},
      {"{\"a\":.5}", 5},
      {"{\"a\":+1}", 5},
      {"{\"a\":-}", 5},
      {"{'a':1}", 1},
      {"1 2", 2},
      {"[1,2]]", 5},
      {"{\"a\":nan}", 5},
      {"{\"a\":NaN}", 5},
      {"{\"é\":x}", 5},
  };
  for (const auto& [text, offset] : table) {
    const JsonError error = Fault(text);
    EXPECT_EQ(error.kind, JsonError::Kind::kSyntax) << text;
    EXPECT_EQ(error.offset, offset) << text;
    EXPECT_FALSE(error.words.empty()) << text;
  }
}

std::string ObjectWithMembers(size_t count) {
  std::string text = "{";
  for (size_t i = 0; i < count; ++i) text += "\"key" + std::to_string(i) + "\":0,";
  return text + "\"key7\":1}";
}

TEST(JsonDocument, OfManyDuplicateMembersTheLastValueCounts) {
  for (const size_t count : {size_t{16}, size_t{17}, size_t{18}, kMaxJsonMembers}) {
    JsonDocument document = Parse(ObjectWithMembers(count));
    ASSERT_EQ(document.members.size(), count);
    EXPECT_EQ(document.members[7].second.text, "1");
    EXPECT_EQ(document.members.back().first, "key" + std::to_string(count - 1));
  }
}

TEST(JsonDocument, RefusesMoreMembersThanAnyMessageHas) {
  const JsonError error = Fault(ObjectWithMembers(kMaxJsonMembers + 1));
  EXPECT_EQ(error.kind, JsonError::Kind::kTooManyMembers);
  EXPECT_EQ(error.words, "more than 10000 keys");
  std::string nested = ObjectWithMembers(kMaxJsonMembers);
  nested.back() = ',';
  EXPECT_TRUE(IsRefused(nested + "\"more\":{\"a\":[]}}"));
}

// With each member looked for among all others this takes a minute of processor time.
TEST(JsonDocument, TakesLinearTimeForManyMembers) {
  const std::string text = ObjectWithMembers(kMaxJsonMembers);
  const std::clock_t began = std::clock();
  for (int i = 0; i < 200; ++i) Parse(text);
  EXPECT_LT(std::clock() - began, 10 * CLOCKS_PER_SEC);
}

}  // namespace
}  // namespace gischat::edge::codec
