#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/unit/http/handling.h"

namespace gischat::edge::http {
namespace {

using moderation::v1::ReviewRequest;
using moderation::v1::ReviewResponse;
using moderation::v1::Violation;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kBody[] = R"({"author":"Ada","text":"hi"})";
constexpr char kMissingBody[] =
    R"({"detail":[{"type":"missing","loc":["body"],"msg":"Field required","input":null}]})";

// One entry of a 422 answer about a field.
std::string Entry(const std::string& type, const std::string& field, const std::string& msg,
                  const std::string& input, const std::string& ctx = "") {
  return R"({"type":")" + type + R"(","loc":["body",")" + field + R"("],"msg":")" + msg +
         R"(","input":)" + input + (ctx.empty() ? "" : ",\"ctx\":" + ctx) + "}";
}

std::string Detail(const std::string& entries) { return "{\"detail\":[" + entries + "]}"; }

std::string NotAnObject(const std::string& input) {
  return Detail(R"({"type":"model_attributes_type","loc":["body"],"msg":"Input should be a valid )"
                R"(dictionary or object to extract fields from","input":)" +
                input + "}");
}

class PutTest : public HandlersFixture {
 protected:
  // Moderation finds that fault in whatever it is shown.
  void Reject(Violation::Code code, const std::string& field, int64_t limit = 0) {
    parts_.moderation.reviews.AnswerAtOnce([=](const ReviewRequest& request) {
      ReviewResponse response;
      auto& violations = *response.mutable_rejected()->mutable_violations();
      violations = request.decoding_violations();
      Violation& violation = *violations.Add();
      violation.set_code(code);
      violation.set_field(field);
      violation.set_limit(limit);
      violation.set_words(field + ": no");
      return response;
    });
  }
};

TEST_F(PutTest, PublishesAndAnswersWithTheWholeMessage) {
  ExpectJson(Put(R"({"type":"text","author":"Ada","avatar":"a.svg","text":"hé \"you\"",)"
                 R"("id":"{6A1F4A9E-5D1C-4B51-9F0E-3A52F1D9D0BB}","timestamp":"12",)"
                 R"("in_reply_to_id":"0b8de8a7-ff1f-4bb6-a9d1-1d0b4dbb2a11","more":1})"),
             200,
             R"({"type":"text","id":"6a1f4a9e-5d1c-4b51-9f0e-3a52f1d9d0bb","timestamp":12,)"
             R"("author":"Ada","avatar":"a.svg","text":"hé \"you\"",)"
             R"("in_reply_to_id":"0b8de8a7-ff1f-4bb6-a9d1-1d0b4dbb2a11"})");
  EXPECT_THAT(parts_.Published(), ElementsAre("hé \"you\""));
  EXPECT_TRUE(parts_.fanout.publishes.last().drafts(0).stored());
}

TEST_F(PutTest, AnswersInTheShapeOfRooms) {
  ExpectJson(Put(R"({"author":"Ada","text":"hi","id":5,"timestamp":"soon"})", "/room/QGIS/text"),
             200, R"({"type":"text","author":"Ada","avatar":null,"text":"hi"})");
}

TEST_F(PutTest, AnswersWhenFanoutHas) {
  parts_.HoldPublishes();
  Begin({Method::kPut, "/channel/QGIS/text", "application/json", kBody});
  EXPECT_FALSE(answered_);
  parts_.AnswerPublish();
  ASSERT_TRUE(answered_);
  EXPECT_EQ(answered_->status, 200);
}

TEST_F(PutTest, TakesWhatIsJson) {
  for (const char* type :
       {"application/json", "application/json; charset=utf-8", "Application/JSON",
        "application/json ;x=y", "application/geo+json", "application/vnd.example+json; v=1"}) {
    EXPECT_EQ(Put(kBody, "/channel/QGIS/text", type).status, 200) << type;
  }
}

TEST_F(PutTest, TakesNothingElse) {
  for (const char* type :
       {"", "text/plain", "text/json", "application/jsonx", "json", "application/+json",
        "application/x-www-form-urlencoded", "text/plain; application/json"}) {
    ExpectJson(Put("a=\"é\"", "/channel/QGIS/text", type), 422, NotAnObject(R"("a=\"é\"")"));
  }
  ExpectJson(Put("\xff", "/channel/QGIS/text", "text/plain"), 422, NotAnObject(R"("")"));
  EXPECT_EQ(parts_.moderation.reviews.size(), 0u);
}

TEST_F(PutTest, RequiresABody) {
  ExpectJson(Put(""), 422, kMissingBody);
  ExpectJson(Put("", "/channel/QGIS/text", ""), 422, kMissingBody);
  ExpectJson(Put(" null\n"), 422, kMissingBody);
}

TEST_F(PutTest, RefusesWhatIsNoObject) {
  for (const char* body : {"[]", "5", "-1.50", "true", R"("text")", R"([1,{"a":[]}])"}) {
    ExpectJson(Put(body), 422, NotAnObject(body));
  }
  const std::string numbers = "[" + std::string(300, '1') + "]";
  ExpectJson(Put(numbers), 422, NotAnObject("\"" + numbers.substr(0, 200) + "\""));
}

TEST_F(PutTest, TellsWhereJsonIsBroken) {
  const std::vector<std::pair<std::string, int>> table = {
      {"{nope", 1}, {"{\"a\":", 5},   {"{\"a\" 1}", 5},  {"{} x", 3},
      {"  ", 2},    {"{\"é\":x}", 5}, {"{\"a\":NaN}", 5}};
  for (const auto& [body, offset] : table) {
    const Response response = Put(body);
    EXPECT_EQ(response.status, 422);
    EXPECT_THAT(response.body,
                testing::StartsWith(R"({"detail":[{"type":"json_invalid","loc":["body",)" +
                                    std::to_string(offset) +
                                    R"(],"msg":"JSON decode error","input":{},"ctx":{"error":")"))
        << body;
  }
}

TEST_F(PutTest, RefusesWhatIsNotUtf8) {
  for (const char* body : {"{\"text\":\"\xff\"}", "\xc3", "[\"\xed\xa0\x80\"]"}) {
    ExpectJson(Put(body), 400, R"({"detail":"There was an error parsing the body"})");
  }
}

TEST_F(PutTest, ListsTheFaultsOfTheDecoderInTheOrderOfTheFields) {
  const std::string body =
      R"({"text":null,"avatar":5,"author":["x"],"timestamp":1.5,"id":"x","type":"image"})";
  ExpectJson(
      Put(body), 422,
      Detail(
          Entry("enum", "type", "Input should be 'text'", "\"image\"", R"({"expected":"'text'"})") +
          "," + Entry("uuid_parsing", "id", "Input should be a valid UUID", "\"x\"") + "," +
          Entry("int_from_float", "timestamp", "Input should be a valid integer", "1.5") + "," +
          Entry("string_type", "author", "Input should be a valid string", "[\"x\"]") + "," +
          Entry("string_type", "avatar", "Input should be a valid string", "5") + "," +
          Entry("string_type", "text", "Input should be a valid string", "null")));
}

TEST_F(PutTest, ListsFaultsOfDecoderAndModerationTogether) {
  Reject(Violation::TOO_SHORT, "author", 3);
  ExpectJson(Put(R"({"author":"ab","text":7})"), 422,
             Detail(Entry("string_too_short", "author", "String should have at least 3 characters",
                          "\"ab\"", R"({"min_length":3})") +
                    "," + Entry("string_type", "text", "Input should be a valid string", "7")));
}

TEST_F(PutTest, ShowsTheWholeBodyWhereAFieldIsMissing) {
  ExpectJson(Put(R"({ "author" : "Ada", "x" : [ 1 ] })"), 422,
             Detail(Entry("missing", "text", "Field required", R"({"author":"Ada","x":[1]})")));
}

TEST_F(PutTest, NamesEveryFaultAsPydanticDoes) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {R"("id":5)", Entry("uuid_type", "id", "Input should be a valid UUID", "5")},
      {R"("id":null)", Entry("uuid_type", "id", "Input should be a valid UUID", "null")},
      {R"("timestamp":"soon")",
       Entry("int_parsing", "timestamp", "Input should be a valid integer", "\"soon\"")},
      {R"("timestamp":[])",
       Entry("int_type", "timestamp", "Input should be a valid integer", "[]")},
      {R"("type":null)",
       Entry("enum", "type", "Input should be 'text'", "null", R"({"expected":"'text'"})")},
  };
  for (const auto& [member, entry] : table) {
    ExpectJson(Put(R"({"author":"Ada","text":"hi",)" + member + "}"), 422, Detail(entry));
  }
}

TEST_F(PutTest, NamesTheLimitsOfModerationAsPydanticDoes) {
  Reject(Violation::TOO_LONG, "text", 1);
  ExpectJson(Put(kBody), 422,
             Detail(Entry("string_too_long", "text", "String should have at most 1 character",
                          "\"hi\"", R"({"max_length":1})")));
  Reject(Violation::BAD_CHARACTERS, "author");
  ExpectJson(Put(kBody), 422,
             Detail(Entry("string_pattern_mismatch", "author",
                          "String should match pattern '^[a-z-A-Z-0-9-_]+$'", "\"Ada\"",
                          R"({"pattern":"^[a-z-A-Z-0-9-_]+$"})")));
}

TEST_F(PutTest, CutsLongInputAtTwoHundredCharacters) {
  Reject(Violation::TOO_LONG, "text", 255);
  std::string text;
  for (int i = 0; i < 300; ++i) text += "é";
  const std::string cut = text.substr(0, 400);
  EXPECT_THAT(Put(R"({"author":"Ada","text":")" + text + "\"}").body,
              HasSubstr("\"input\":\"" + cut + "\","));
  const std::string list = "[" + std::string(300, '1') + "]";
  EXPECT_THAT(Put(R"({"author":"Ada","text":)" + list + "}").body,
              HasSubstr("\"input\":\"" + list.substr(0, 200) + "\""));
}

TEST_F(PutTest, ChecksTheBodyBeforeTheChannel) {
  ExpectJson(Put("", "/channel/nope/text"), 422, kMissingBody);
  EXPECT_EQ(Put(R"({"author":"Ada"})", "/channel/nope/text").status, 422);
  ExpectJson(Put(kBody, "/channel/nope/text"), 404,
             R"({"detail":"Channel 'nope' not registered"})");
  ExpectJson(Put(kBody, "/room/nope/text"), 404, R"({"detail":"Room 'nope' not registered"})");
  EXPECT_THAT(parts_.Published(), IsEmpty());
}

TEST_F(PutTest, TellsThatModerationIsAway) {
  parts_.moderation.reviews.AnswerAtOnce(
      [](const auto&) { return absl::UnavailableError("away"); });
  const Response response = Put(kBody);
  ExpectJson(response, 503, R"({"detail":"The message can't be checked now"})");
  EXPECT_EQ(Header(response, "Retry-After"), "2");
}

TEST_F(PutTest, TellsThatTheMessageWasNotDelivered) {
  parts_.RefusePublishes();
  Begin({Method::kPut, "/channel/QGIS/text", "application/json", kBody});
  ASSERT_TRUE(tests::RunUntil(parts_.loop, [&] { return answered_.has_value(); }));
  ExpectJson(*answered_, 503, R"({"detail":"The message can't be delivered now"})");
}

}  // namespace
}  // namespace gischat::edge::http
