#include "common/config/address.h"

#include <gtest/gtest.h>

namespace gischat::config {
namespace {

TEST(CheckIpAddress, TakesBothFamilies) {
  EXPECT_TRUE(CheckIpAddress("0.0.0.0").ok());
  EXPECT_TRUE(CheckIpAddress("127.0.0.1").ok());
  EXPECT_TRUE(CheckIpAddress("::").ok());
  EXPECT_TRUE(CheckIpAddress("fe80::1").ok());
}

TEST(CheckIpAddress, RefusesNamesPortsAndBrackets) {
  for (const char* wrong : {"localhost", "127.0.0.1:80", "[::1]", "1.2.3", "256.0.0.1", " ::1"}) {
    EXPECT_FALSE(CheckIpAddress(wrong).ok()) << wrong;
  }
}

TEST(HostPort, PutsIpv6InBrackets) {
  EXPECT_EQ(HostPort("127.0.0.1", 8000), "127.0.0.1:8000");
  EXPECT_EQ(HostPort("::1", 1), "[::1]:1");
}

}  // namespace
}  // namespace gischat::config
