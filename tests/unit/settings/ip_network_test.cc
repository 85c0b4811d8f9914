#include "edge/settings/ip_network.h"

#include <gtest/gtest.h>

#include <string>

namespace gischat::edge {
namespace {

bool Holds(const std::string& network, const std::string& address) {
  const auto parsed = IpNetwork::Parse(network);
  const auto ip = ParseIpAddress(address);
  EXPECT_TRUE(parsed.ok()) << network;
  EXPECT_TRUE(ip) << address;
  return parsed.ok() && ip && parsed->Contains(*ip);
}

TEST(IpAddress, IsTheSameInBothSpellingsOfIpv4) {
  EXPECT_EQ(ParseIpAddress("192.0.2.1"), ParseIpAddress("::ffff:192.0.2.1"));
  EXPECT_EQ(ParseIpAddress("192.0.2.1"), ParseIpAddress("::ffff:c000:201"));
  EXPECT_NE(ParseIpAddress("192.0.2.1"), ParseIpAddress("::192.0.2.1"));
  EXPECT_TRUE(IsIpv4(*ParseIpAddress("::ffff:192.0.2.1")));
  EXPECT_FALSE(IsIpv4(*ParseIpAddress("2001:db8::1")));
}

TEST(IpAddress, IsWrittenInItsShortestForm) {
  for (const auto& [text, shown] : {std::pair("192.0.2.1", "192.0.2.1"),
                                    {"::FFFF:192.0.2.1", "192.0.2.1"},
                                    {"2001:DB8:0:0::1", "2001:db8::1"},
                                    {"::", "::"}}) {
    EXPECT_EQ(FormatIpAddress(*ParseIpAddress(text)), shown);
  }
}

TEST(IpAddress, TakesNothingElse) {
  for (const std::string text : {"", "unknown", "192.0.2", "192.0.2.256", " 192.0.2.1", "[::1]",
                                 "192.0.2.1:80", "fe80::1%eth0", "1", "::1::"}) {
    EXPECT_FALSE(ParseIpAddress(text)) << text;
  }
  EXPECT_FALSE(ParseIpAddress(std::string("192.0.2.1\0x", 11)));
}

TEST(IpNetwork, HoldsTheAddressesThatBeginAlike) {
  EXPECT_TRUE(Holds("10.0.0.0/8", "10.255.0.1"));
  EXPECT_FALSE(Holds("10.0.0.0/8", "11.0.0.1"));
  EXPECT_TRUE(Holds("192.0.2.128/25", "192.0.2.200"));
  EXPECT_FALSE(Holds("192.0.2.128/25", "192.0.2.127"));
  EXPECT_TRUE(Holds("192.0.2.1", "192.0.2.1"));
  EXPECT_FALSE(Holds("192.0.2.1", "192.0.2.2"));
  EXPECT_TRUE(Holds("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(Holds("2001:db8::/33", "2001:db8:8000::1"));
  EXPECT_TRUE(Holds("::1", "::1"));
}

TEST(IpNetwork, LooksAtNoBitBehindThePrefix) { EXPECT_TRUE(Holds("10.1.2.3/8", "10.9.9.9")); }

TEST(IpNetwork, HoldsMappedAddressesLikeThoseOfIpv4) {
  EXPECT_TRUE(Holds("10.0.0.0/8", "::ffff:10.1.1.1"));
  EXPECT_TRUE(Holds("::ffff:10.0.0.0/104", "10.1.1.1"));
  EXPECT_FALSE(Holds("::ffff:10.0.0.0/104", "11.1.1.1"));
}

TEST(IpNetwork, MayHoldAllOfOneFamily) {
  EXPECT_TRUE(Holds("0.0.0.0/0", "203.0.113.7"));
  EXPECT_FALSE(Holds("0.0.0.0/0", "2001:db8::1"));
  EXPECT_TRUE(Holds("::/0", "2001:db8::1"));
  EXPECT_FALSE(Holds("::/0", "203.0.113.7"));
}

TEST(IpNetwork, TakesNothingElse) {
  for (const char* text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8",
                           "10.0.0.0/ 8", "::/129", "localhost", "10.0.0.0/255.0.0.0"}) {
    const auto network = IpNetwork::Parse(text);
    EXPECT_EQ(network.status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace gischat::edge
