#include "edge/settings/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gischat::edge {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class EdgeSettings : public testing::Test {
 protected:
  std::vector<std::string> Read(const config::Environment& environment) {
    config::Table table("gischat-edge", "");
    settings_.Declare(table);
    return table.Read(environment);
  }

  Settings settings_;
};

TEST_F(EdgeSettings, AreGenerousByDefault) {
  EXPECT_THAT(Read({}), IsEmpty());
  EXPECT_EQ(settings_.message_rate, 20'000u);
  EXPECT_EQ(settings_.message_rate_per_ip, 100'000u);
  EXPECT_EQ(settings_.write_timeout, absl::Seconds(30));
  EXPECT_EQ(settings_.compress_bytes, 1024u);
  EXPECT_THAT(settings_.trusted_proxies, IsEmpty());
}

TEST_F(EdgeSettings, ReadEveryBound) {
  EXPECT_THAT(Read({{"GISCHAT_MESSAGE_RATE", "5"},
                    {"GISCHAT_MESSAGE_RATE_PER_IP", "0"},
                    {"GISCHAT_COMPRESS_BYTES", "0"},
                    {"GISCHAT_WRITE_TIMEOUT", "7"},
                    {"GISCHAT_REQUEST_TIMEOUT", "8"},
                    {"GISCHAT_IDLE_TIMEOUT", "9"},
                    {"GISCHAT_MAX_HEADER_BYTES", "4_096"},
                    {"GISCHAT_TRUSTED_PROXIES", "10.0.0.0/8, ::1"}}),
              IsEmpty());
  EXPECT_EQ(settings_.message_rate, 5u);
  EXPECT_EQ(settings_.message_rate_per_ip, 0u);
  EXPECT_EQ(settings_.compress_bytes, 0u);
  EXPECT_EQ(settings_.write_timeout, absl::Seconds(7));
  EXPECT_EQ(settings_.request_timeout, absl::Seconds(8));
  EXPECT_EQ(settings_.idle_timeout, absl::Seconds(9));
  EXPECT_EQ(settings_.max_header_bytes, 4096u);
  EXPECT_THAT(settings_.trusted_proxies, ElementsAre("10.0.0.0/8", "::1"));
}

TEST_F(EdgeSettings, RefuseProxiesThatAreNoNetworks) {
  EXPECT_THAT(Read({{"GISCHAT_TRUSTED_PROXIES", "10.0.0.0/8, nginx, 10.0.0.0/33"}}),
              ElementsAre(testing::AllOf(HasSubstr("GISCHAT_TRUSTED_PROXIES"), HasSubstr("nginx"),
                                         HasSubstr("10.0.0.0/33"), HasSubstr("from 0 to 32"))));
}

TEST_F(EdgeSettings, RefuseAQueueForLessThanOneMessage) {
  EXPECT_THAT(Read({{"GISCHAT_QUEUE_BYTES", "16_777_215"}}),
              ElementsAre(HasSubstr("GISCHAT_QUEUE_BYTES")));
}

TEST(LargestMessage, IsWhatAClientMaySendOrAnImageMayBecome) {
  config::ContentLimits limits;
  EXPECT_EQ(LargestMessage(limits), kMaxMessageBytes);
  limits.max_image_raw_length = 50'000'000;
  EXPECT_EQ(LargestMessage(limits), 50'000'000u);
  limits.max_image_size = 4096;
  EXPECT_GT(LargestMessage(limits), 4096u * 4096 * 4 / 3 * 4);
}

}  // namespace
}  // namespace gischat::edge
