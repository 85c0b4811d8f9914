#include "common/log/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace gischat::log {
namespace {

using testing::MatchesRegex;

template <typename Write>
std::string Logged(const std::string& format, const std::string& level, Write write) {
  testing::internal::CaptureStderr();
  Configure("gischat-edge", format, level);
  write();
  return testing::internal::GetCapturedStderr();
}

TEST(Log, WritesOneLineOfText) {
  EXPECT_THAT(Logged("text", "info", [] { spdlog::warn("port {} is taken", 1); }),
              MatchesRegex("20[0-9-]+T[0-9:]+\\.[0-9][0-9][0-9]Z warn gischat-edge: "
                           "port 1 is taken\n"));
}

TEST(Log, KeepsALineOneLineWhateverItHolds) {
  EXPECT_THAT(Logged("text", "info", [] { spdlog::info("a\nb\x1b[31mc"); }),
              testing::EndsWith(" info gischat-edge: a\\nb?[31mc\n"));
}

TEST(Log, WritesJsonThatCanBeReadWhateverItHolds) {
  const std::string line = Logged("json", "info", [] { spdlog::error("\"a\\\n\xff é"); });
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const auto json = nlohmann::json::parse(line, nullptr, false);
  ASSERT_TRUE(json.is_object()) << line;
  EXPECT_THAT(json["time"].get<std::string>(), MatchesRegex("20.*T.*\\.[0-9][0-9][0-9]Z"));
  EXPECT_EQ(json["level"], "error");
  EXPECT_EQ(json["process"], "gischat-edge");
  EXPECT_EQ(json["message"], "\"a\\\n\xef\xbf\xbd é");
  EXPECT_EQ(json.size(), 4u);
}

TEST(Log, LeavesOutWhatIsBelowTheLevel) {
  EXPECT_EQ(Logged("text", "warn", [] { spdlog::info("quiet"); }), "");
  EXPECT_NE(Logged("text", "warn", [] { spdlog::warn("loud"); }), "");
  EXPECT_EQ(Logged("text", "off", [] { spdlog::critical("quiet"); }), "");
  EXPECT_NE(Logged("text", "trace", [] { spdlog::trace("loud"); }), "");
}

}  // namespace
}  // namespace gischat::log
