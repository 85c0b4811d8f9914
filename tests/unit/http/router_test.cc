#include "edge/http/router.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace gischat::edge::http {
namespace {

using codec::Api;

TEST(Router, FindsEveryFixedPath) {
  const std::vector<std::pair<std::string, Resource>> table = {
      {"/", Resource::kPage},
      {"/version", Resource::kVersion},
      {"/channels", Resource::kChannels},
      {"/rooms", Resource::kChannels},
      {"/status", Resource::kStatus},
      {"/rules", Resource::kRules},
      {"/qfield", Resource::kQField},
      {"/openapi.json", Resource::kOpenApi},
      {"/docs", Resource::kDocs},
  };
  for (const auto& [path, resource] : table) {
    for (const std::string& target : {path, path + "?utm_source=x&y", "/" + path, "//" + path}) {
      const Route route = FindRoute(target);
      EXPECT_EQ(route.resource, resource) << target;
      EXPECT_FALSE(route.has_trailing_slash) << target;
    }
  }
}

TEST(Router, FindsEveryResourceOfAChannel) {
  const std::vector<std::pair<std::string, Resource>> table = {
      {"users", Resource::kUsers},
      {"last", Resource::kLast},
      {"text", Resource::kText},
      {"ws", Resource::kWebSocket},
  };
  for (const auto& [name, resource] : table) {
    for (const auto& [prefix, api] :
         {std::pair("/channel/", Api::kChannels), std::pair("/room/", Api::kRooms)}) {
      for (const char* lead : {"", "/"}) {
        const Route route = FindRoute(lead + (prefix + ("QGIS/" + name)) + "?replies=1");
        EXPECT_EQ(route.resource, resource);
        EXPECT_EQ(route.api, api);
        EXPECT_EQ(route.channel, "QGIS");
      }
    }
  }
}

TEST(Router, DecodesNamesOnce) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"Caf%C3%A9", "Café"}, {"caf\xC3\xA9", "café"},
      {"a%20b", "a b"},      {"a+b", "a+b"},
      {"a%2Bb", "a+b"},      {"100%25", "100%"},
      {"%2541", "%41"},      {"%3F%23", "?#"},
      {"qgis", "qgis"},      {"%51GIS", "QGIS"},
      {"..", ".."},          {"%00", std::string(1, '\0')},
  };
  for (const auto& [sent, channel] : table) {
    const Route route = FindRoute("/channel/" + sent + "/users");
    EXPECT_EQ(route.resource, Resource::kUsers) << sent;
    EXPECT_EQ(route.channel, channel);
  }
  EXPECT_EQ(FindRoute("/%76ersion").resource, Resource::kVersion);
}

TEST(Router, FindsNothingElse) {
  for (const char* target : {"",
                             "*",
                             "version",
                             "/nope",
                             "/Version",
                             "/version/x",
                             "/channel",
                             "/channel/",
                             "/channel/QGIS",
                             "/channel//users",
                             "/channel/QGIS/nope",
                             "/channel/QGIS/users/x",
                             "/channel/a/b/users",
                             "/channel/a%2Fb/users",
                             "/channels/QGIS/users",
                             "/Channel/QGIS/users",
                             "/channel/QGIS/USERS",
                             "/channel/QGIS//users",
                             "/channel/%/users",
                             "/channel/%4/users",
                             "/channel/%zz/users",
                             "/channel/%ff/users",
                             "/channel/%C3/users",
                             "/version%",
                             "?x",
                             "/room/QGIS",
                             "/matrix"}) {
    EXPECT_EQ(FindRoute(target).resource, Resource::kUnknown) << target;
  }
}

TEST(Router, TellsATrailingSlash) {
  for (const auto& [target, resource] : {
           std::pair("/version/", Resource::kVersion),
           std::pair("/channels///", Resource::kChannels),
           std::pair("/channel/QGIS/users/?x=1", Resource::kUsers),
           std::pair("//room/QGIS/ws/", Resource::kWebSocket),
       }) {
    const Route route = FindRoute(target);
    EXPECT_EQ(route.resource, resource) << target;
    EXPECT_TRUE(route.has_trailing_slash) << target;
  }
  EXPECT_EQ(WithoutTrailingSlash("/version/"), "/version");
  EXPECT_EQ(WithoutTrailingSlash("//channel/a%20b/users//?x=/"), "/channel/a%20b/users?x=/");
  EXPECT_EQ(WithoutTrailingSlash("/"), "/");
}

// It can't be taken away from what was sent: that would redirect for ever.
TEST(Router, TakesAnEscapedSlashAtTheEndForPartOfTheName) {
  EXPECT_EQ(FindRoute("/version%2F").resource, Resource::kUnknown);
  EXPECT_EQ(FindRoute("/channel/QGIS/users%2f").resource, Resource::kUnknown);
}

TEST(Router, DecodesPercentEscapes) {
  EXPECT_EQ(PercentDecode(""), "");
  EXPECT_EQ(PercentDecode("a%20b%2B+"), "a b++");
  EXPECT_EQ(PercentDecode("%e2%82%AC"), "€");
  for (const char* broken : {"%", "%4", "a%", "%g0", "%0g", "%%20", "%ff", "%ed%a0%80"}) {
    EXPECT_EQ(PercentDecode(broken), std::nullopt) << broken;
  }
}

TEST(Router, FindsQueryParameters) {
  for (const char* target : {"/ws?replies=1", "/ws?a=b&replies=1", "/ws?replies=1&c",
                             "/?&&replies=1", "/?replies=0&replies=1", "/?replies=1#x"}) {
    EXPECT_TRUE(HasQueryParameter(target, "replies", "1")) << target;
  }
  for (const char* target : {"/ws", "/ws?", "/ws?replies", "/ws?replies=", "/ws?replies=10",
                             "/ws?xreplies=1", "/ws?replies=1x", "/replies=1"}) {
    EXPECT_FALSE(HasQueryParameter(target, "replies", "1")) << target;
  }
}

}  // namespace
}  // namespace gischat::edge::http
