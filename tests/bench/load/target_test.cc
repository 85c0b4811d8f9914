#include "tests/bench/load/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gischat::bench {
namespace {

using ::testing::HasSubstr;

TEST(ParseUrl, TakesHostPortAndPathApart) {
  const auto url = ParseUrl("ws://127.0.0.1:8000/channel/Field%20trip/ws?replies=1");
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url->host, "127.0.0.1");
  EXPECT_EQ(url->port, "8000");
  EXPECT_EQ(url->path, "/channel/Field%20trip/ws?replies=1");
}

TEST(ParseUrl, RefusesOtherShapes) {
  for (const char* text : {"http://a:1/x", "ws://a/x", "ws://a:1", ""}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseUrl(text).status())) << text;
  }
}

TEST(ChannelOf, IsTheSameForBothApis) {
  EXPECT_EQ(ChannelOf("/channel/QGIS/ws"), "QGIS");
  EXPECT_EQ(ChannelOf("/room/QGIS/ws?utm=1"), "QGIS");
  EXPECT_EQ(ChannelOf("/elsewhere"), "/elsewhere");
  EXPECT_EQ(ChannelOf("/channel//ws"), "/channel//ws");
}

TEST(Resolve, KnowsTheLoopback) {
  const auto target = Resolve({"127.0.0.1", "8000", "/channel/QGIS/ws"});
  ASSERT_TRUE(target.ok());
  EXPECT_TRUE(target->loopback);
  EXPECT_EQ(target->channel, "QGIS");
  EXPECT_THAT(target->upgrade, HasSubstr("GET /channel/QGIS/ws HTTP/1.1\r\n"));
}

}  // namespace
}  // namespace gischat::bench
