#include "edge/http/trusted_proxies.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gischat::edge::http {
namespace {

class TrustedProxiesTest : public testing::Test {
 protected:
  // What the client is counted as, with these X-Forwarded-For lines.
  std::string Client(const std::string& peer, const std::vector<std::string_view>& lines) const {
    return CountedAs(proxies_.ClientOf(*ParseIpAddress(peer), lines));
  }

  TrustedProxies proxies_{{"10.0.0.0/8", "2001:db8:ff::/48"}};
};

TEST_F(TrustedProxiesTest, BelievesNobodyElse) {
  EXPECT_EQ(Client("192.0.2.1", {"203.0.113.7"}), "192.0.2.1");
  proxies_ = TrustedProxies();
  EXPECT_EQ(Client("10.0.0.1", {"203.0.113.7"}), "10.0.0.1");
}

TEST_F(TrustedProxiesTest, TakesTheRightmostThatIsNoProxy) {
  EXPECT_EQ(Client("10.0.0.1", {"203.0.113.7"}), "203.0.113.7");
  EXPECT_EQ(Client("10.0.0.1", {"198.51.100.1, 203.0.113.7"}), "203.0.113.7");
  EXPECT_EQ(Client("10.0.0.1", {"198.51.100.1,203.0.113.7 ,\t10.2.3.4"}), "203.0.113.7");
  EXPECT_EQ(Client("2001:db8:ff::1", {"203.0.113.7,2001:db8:ff::2"}), "203.0.113.7");
}

TEST_F(TrustedProxiesTest, JoinsTheLines) {
  EXPECT_EQ(Client("10.0.0.1", {"198.51.100.1", "203.0.113.7", "10.2.3.4"}), "203.0.113.7");
  EXPECT_EQ(Client("10.0.0.1", {"198.51.100.1", "10.2.3.4, 10.2.3.5"}), "198.51.100.1");
}

TEST_F(TrustedProxiesTest, TakesTheFirstProxyWhenThereIsNobodyElse) {
  EXPECT_EQ(Client("10.0.0.1", {"10.0.0.3, 10.0.0.2"}), "10.0.0.3");
  EXPECT_EQ(Client("10.0.0.1", {}), "10.0.0.1");
}

TEST_F(TrustedProxiesTest, StopsAtWhatItCanNotRead) {
  EXPECT_EQ(Client("10.0.0.1", {"203.0.113.7, unknown, 10.0.0.2"}), "10.0.0.2");
  EXPECT_EQ(Client("10.0.0.1", {"203.0.113.7", "", "10.0.0.2"}), "10.0.0.2");
  EXPECT_EQ(Client("10.0.0.1", {"_hidden"}), "10.0.0.1");
  EXPECT_EQ(Client("10.0.0.1", {"203.0.113.7,"}), "10.0.0.1");
  EXPECT_EQ(Client("10.0.0.1", {"[203.0.113.7"}), "10.0.0.1");
}

TEST_F(TrustedProxiesTest, ReadsEntriesWithPorts) {
  EXPECT_EQ(Client("10.0.0.1", {"203.0.113.7:4711"}), "203.0.113.7");
  EXPECT_EQ(Client("10.0.0.1", {"[2001:db8::7]:4711"}), "2001:db8::/64");
  EXPECT_EQ(Client("10.0.0.1", {"[2001:db8::7]"}), "2001:db8::/64");
}

TEST_F(TrustedProxiesTest, KnowsIpv4InIpv6) {
  EXPECT_EQ(Client("::ffff:10.0.0.1", {"203.0.113.7, ::ffff:10.0.0.2"}), "203.0.113.7");
  EXPECT_EQ(Client("10.0.0.1", {"::ffff:203.0.113.7"}), "203.0.113.7");
}

TEST(CountedAs, PutsANetworkOfIpv6Together) {
  const auto counted = [](const char* address) { return CountedAs(*ParseIpAddress(address)); };
  EXPECT_EQ(counted("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  EXPECT_EQ(counted("2001:db8:1:2::9"), counted("2001:db8:1:2:3:4:5:6"));
  EXPECT_NE(counted("2001:db8:1:3::9"), counted("2001:db8:1:2::9"));
  EXPECT_NE(counted("192.0.2.1"), counted("192.0.2.2"));
  EXPECT_EQ(counted("192.0.2.1"), counted("::ffff:192.0.2.1"));
}

}  // namespace
}  // namespace gischat::edge::http
