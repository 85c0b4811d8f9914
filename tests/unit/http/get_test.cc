#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/base/version.h"
#include "edge/codec/json_document.h"
#include "tests/unit/http/handling.h"

namespace gischat::edge::http {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class GetTest : public HandlersFixture {
 protected:
  void AnswerHistory(const std::vector<std::string>& messages) {
    parts_.fanout.histories.AnswerAtOnce([messages](const auto&) {
      fanout::v1::HistoryResponse response;
      for (const std::string& message : messages) {
        response.mutable_snapshot()->add_history()->set_message(message);
      }
      return response;
    });
  }
};

TEST_F(GetTest, ShowsThePages) {
  for (const char* target : {"/", "/docs", "//", "/?utm_source=x"}) {
    const Response response = Get(target);
    EXPECT_EQ(response.status, 200) << target;
    EXPECT_EQ(response.content_type, "text/html; charset=utf-8");
    EXPECT_THAT(response.body, HasSubstr("<html"));
    EXPECT_THAT(Header(response, "Content-Security-Policy"), StartsWith("default-src 'none'"));
  }
  EXPECT_NE(Get("/").body, Get("/docs").body);
}

TEST_F(GetTest, TellsTheVersion) {
  ExpectJson(Get("/version"), 200, "{\"version\":\"" + std::string(base::Version()) + "\"}");
}

TEST_F(GetTest, ListsTheChannelsInTheOrderOfTheSetting) {
  for (const char* target : {"/channels", "/rooms", "//channels?x"}) {
    ExpectJson(Get(target), 200, R"(["QGIS","Geo \"tribu\"","Été"])");
  }
}

TEST_F(GetTest, TellsTheRules) {
  Settings changed = MakeSettings();
  changed.limits.max_message_length = 1234;
  settings_.Replace(changed);
  ExpectJson(Get("/rules"), 200,
             R"({"rules":"Be kind – always","main_lang":"fr","min_author_length":3,)"
             R"("max_author_length":32,"max_message_length":1234,"max_image_size":800,)"
             R"("max_geojson_features":500})");
}

TEST_F(GetTest, LeadsToThePluginOfQField) {
  const Response response = Get("/qfield");
  EXPECT_EQ(response.status, 307);
  EXPECT_EQ(Header(response, "Location"), "https://plugins.example/q.zip");
}

TEST_F(GetTest, DescribesItself) {
  const Response response = Get("/openapi.json");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_THAT(response.body, StartsWith(R"({"openapi":"3.1)"));
  EXPECT_TRUE(std::holds_alternative<codec::JsonDocument>(codec::ParseJson(response.body)));
}

TEST_F(GetTest, TellsItsStatus) {
  ExpectJson(Get("/status"), 200,
             R"({"status":"ok","healthy":true,"channels":[{"name":"QGIS","nb_connected_users":4},)"
             R"({"name":"Geo \"tribu\"","nb_connected_users":11},)"
             R"({"name":"Été","nb_connected_users":5}],"rooms":[{"name":"QGIS",)"
             R"("nb_connected_users":4},{"name":"Geo \"tribu\"","nb_connected_users":11},)"
             R"({"name":"Été","nb_connected_users":5}]})");
}

TEST_F(GetTest, TellsInItsStatusWhatIsAway) {
  faults_ = {"moderation can't be reached", "fanout can't be reached"};
  Response response = Get("/status");
  EXPECT_EQ(response.status, 503);
  EXPECT_THAT(response.body,
              StartsWith(R"({"status":"moderation can't be reached; fanout can't be reached",)"
                         R"("healthy":false,"channels":[{"name":"QGIS","nb_connected_users":4})"));
  faults_.clear();
  parts_.presence.counts.AnswerAtOnce([](const auto&) { return absl::UnavailableError("away"); });
  response = Get("/status");
  EXPECT_EQ(response.status, 503);
  EXPECT_THAT(response.body, StartsWith(R"({"status":"presence does not answer","healthy":false,)"
                                        R"("channels":[{"name":"QGIS","nb_connected_users":0})"));
}

TEST_F(GetTest, ListsTheUsersAsPresenceSortsThem) {
  Begin({Method::kGet, "/channel/QGIS/users", "", ""});
  EXPECT_FALSE(answered_);
  EXPECT_EQ(parts_.presence.lists.last().channel(), "QGIS");
  presence::v1::ListUsersResponse users;
  users.add_nicknames("_zoe");
  users.add_nicknames("Ada");
  parts_.presence.lists.AnswerLast(users);
  tests::Settle(parts_.loop);
  ASSERT_TRUE(answered_);
  ExpectJson(*answered_, 200, R"(["_zoe","Ada"])");
  ExpectJson(Get("/room/QGIS/users?x=1"), 200, R"(["_zoe","Ada"])");
  EXPECT_EQ(parts_.presence.lists.size(), 1u) << "both APIs show one list";
  parts_.presence.lists.AnswerAtOnce([](const auto&) { return presence::v1::ListUsersResponse(); });
  ExpectJson(Get("/channel/%C3%89t%C3%A9/users"), 200, "[]");
  EXPECT_EQ(parts_.presence.lists.last().channel(), "Été");
}

TEST_F(GetTest, ShowsTheStoredMessagesInTheShapeOfTheApi) {
  chat::v1::ChatMessage reply = tests::TextMessage("yes");
  reply.set_in_reply_to_id("0b8de8a7-ff1f-4bb6-a9d1-1d0b4dbb2a11");
  AnswerHistory({tests::TextMessage("one").SerializeAsString(),
                 tests::ScriptMessage("clip").SerializeAsString(), "\xff\xff",
                 reply.SerializeAsString()});
  const std::string identity =
      R"("id":"6a1f4a9e-5d1c-4b51-9f0e-3a52f1d9d0aa","timestamp":1760000000)";
  ExpectJson(Get("/channel/QGIS/last"), 200,
             R"([{"type":"text",)" + identity + R"(,"author":"Ada","avatar":null,"text":"one"},)" +
                 R"({"type":"script",)" + identity +
                 R"(,"author":"Ada","avatar":null,"name":"clip","raw_pycode":""},)" +
                 R"({"type":"text",)" + identity +
                 R"(,"author":"Ada","avatar":null,"text":"yes",)"
                 R"("in_reply_to_id":"0b8de8a7-ff1f-4bb6-a9d1-1d0b4dbb2a11"}])");
  ExpectJson(Get("/room/QGIS/last"), 200,
             R"([{"type":"text","author":"Ada","avatar":null,"text":"one"},)"
             R"({"type":"text","author":"Ada","avatar":null,"text":"yes"}])");
  EXPECT_EQ(parts_.fanout.histories.last().channel(), "QGIS");
  AnswerHistory({});
  ExpectJson(Get("/channel/QGIS/last"), 200, "[]");
}

TEST_F(GetTest, KnowsNoOtherChannels) {
  for (const char* what : {"users", "last"}) {
    const std::string end = std::string("/") + what;
    ExpectJson(Get("/channel/nope" + end), 404, R"({"detail":"Channel 'nope' not registered"})");
    ExpectJson(Get("/room/qgis" + end), 404, R"({"detail":"Room 'qgis' not registered"})");
    ExpectJson(Get("/channel/a%22%C3%A9%20b" + end), 404,
               R"({"detail":"Channel 'a\"é b' not registered"})");
  }
  EXPECT_EQ(parts_.presence.lists.size(), 0u);
}

TEST_F(GetTest, TellsThatAServiceIsAway) {
  parts_.presence.lists.AnswerAtOnce([](const auto&) { return absl::UnavailableError("away"); });
  parts_.fanout.histories.AnswerAtOnce(
      [](const auto&) { return absl::DeadlineExceededError("slow"); });
  const Response users = Get("/channel/QGIS/users");
  ExpectJson(users, 503, R"({"detail":"The list of users can't be read now"})");
  EXPECT_EQ(Header(users, "Retry-After"), "2");
  ExpectJson(Get("/room/QGIS/last"), 503, R"({"detail":"The stored messages can't be read now"})");
}

TEST_F(GetTest, KnowsNoOtherPaths) {
  for (const char* target : {"/nope", "/channel/QGIS", "/matrix", "/channel/QGIS/ws", "/%ff"}) {
    ExpectJson(Get(target), 404, R"({"detail":"Not Found"})");
    ExpectJson(Get(target, Method::kPut), 404, R"({"detail":"Not Found"})");
  }
}

TEST_F(GetTest, TellsWhichMethodsAPathHas) {
  for (const char* target : {"/", "/version", "/channel/QGIS/users", "/room/QGIS/last"}) {
    for (const Method method : {Method::kPut, Method::kOther}) {
      const Response response = Get(target, method);
      ExpectJson(response, 405, R"({"detail":"Method Not Allowed"})");
      EXPECT_EQ(Header(response, "Allow"), "GET, HEAD");
    }
  }
  for (const Method method : {Method::kGet, Method::kHead, Method::kOther}) {
    const Response response = Get("/channel/QGIS/text", method);
    ExpectJson(response, 405, R"({"detail":"Method Not Allowed"})");
    EXPECT_EQ(Header(response, "Allow"), "PUT");
  }
}

TEST_F(GetTest, LeadsFromATrailingSlashToThePathWithoutIt) {
  for (const auto& [target, location] : {
           std::pair("/version/", "/version"),
           std::pair("/channel/QGIS/users//?x=1", "/channel/QGIS/users?x=1"),
           std::pair("//rooms/", "/rooms"),
       }) {
    const Response response = Get(target);
    EXPECT_EQ(response.status, 307) << target;
    EXPECT_EQ(Header(response, "Location"), location);
  }
  EXPECT_EQ(Get("/channel/QGIS/text/", Method::kPut).status, 307);
}

TEST_F(GetTest, AnswersHeadLikeGet) {
  const Response response = Get("/version", Method::kHead);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, Get("/version").body);
}

TEST_F(GetTest, CountsItsAnswers) {
  Get("/version");
  Get("/rules");
  Get("/nope");
  EXPECT_EQ(tests::MetricValue(parts_.registry, "gischat_edge_http_requests_total", "200"), 2);
  EXPECT_EQ(tests::MetricValue(parts_.registry, "gischat_edge_http_requests_total", "404"), 1);
}

}  // namespace
}  // namespace gischat::edge::http
