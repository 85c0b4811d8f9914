#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "edge/http/handlers.h"
#include "tests/support/edge_parts.h"

namespace gischat::edge::http {

// Handlers over services that the test plays.
class HandlersFixture : public testing::Test {
 protected:
  static Settings MakeSettings() {
    Settings settings;
    settings.channels = {"QGIS", "Geo \"tribu\"", "Été"};
    settings.rules = "Be kind – always";
    settings.main_language = "fr";
    settings.qfield_plugin_url = "https://plugins.example/q.zip";
    return settings;
  }

  HandlersFixture() {
    parts_.presence.counts.AnswerAtOnce([](const presence::v1::CountConnectionsRequest& request) {
      presence::v1::CountConnectionsResponse response;
      for (const std::string& channel : request.channels()) {
        response.add_counts()->set_connections(channel.size());
      }
      return response;
    });
  }

  // Begins to answer; the answer is in answered_ once it is there.
  void Begin(Request request) {
    answered_.reset();
    boost::asio::co_spawn(parts_.loop, handlers_.Handle(std::move(request)),
                          [this](std::exception_ptr thrown, Response response) {
                            EXPECT_EQ(thrown, nullptr);
                            answered_ = std::move(response);
                          });
    tests::Settle(parts_.loop);
  }
  Response Handle(Request request) {
    Begin(std::move(request));
    EXPECT_TRUE(answered_) << "no answer";
    return answered_.value_or(Response{.status = -1});
  }
  Response Get(const std::string& target, Method method = Method::kGet) {
    return Handle({method, target, "", ""});
  }
  Response Put(const std::string& body, const std::string& target = "/channel/QGIS/text",
               const std::string& content_type = "application/json") {
    return Handle({Method::kPut, target, content_type, body});
  }

  static std::string Header(const Response& response, const std::string& name) {
    for (const auto& [key, value] : response.headers) {
      if (key == name) return value;
    }
    return "";
  }
  // What holds for every answer in JSON.
  static void ExpectJson(const Response& response, int status, const std::string& body) {
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(response.body, body);
    EXPECT_EQ(response.content_type, "application/json");
    EXPECT_EQ(Header(response, "Cache-Control"), "no-store");
  }

  tests::EdgeParts parts_;
  LiveSettings settings_{MakeSettings()};
  std::vector<std::string> faults_;
  UserLists users_{parts_.presence, settings_.Now()->channels, parts_.registry};
  Handlers handlers_{{settings_, parts_.moderation, parts_.presence, parts_.fanout,
                      parts_.publisher, users_, parts_.metrics, [this] { return faults_; }},
                     parts_.registry};
  std::optional<Response> answered_;
};

}  // namespace gischat::edge::http
