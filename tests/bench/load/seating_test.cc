#include "tests/bench/load/seating.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>

namespace gischat::bench {
namespace {

Target LoopbackTarget(const std::string& channel) {
  Target target;
  target.loopback = true;
  target.channel = channel;
  return target;
}

Options Load(size_t clients, size_t senders, size_t processes) {
  Options options;
  options.clients = clients;
  options.senders = senders;
  options.processes = processes;
  options.addresses = 1;
  return options;
}

TEST(Seating, GivesEverybodyToOneProcess) {
  Options options = Load(103, 10, 4);
  options.joins = 20;
  const Seating seating(options, {LoopbackTarget("a"), LoopbackTarget("b")});
  std::set<size_t> all;
  size_t senders = 0;
  for (size_t process = 0; process < 4; ++process) {
    for (const size_t person : seating.PeopleOf(process)) {
      EXPECT_TRUE(all.insert(person).second);
    }
    senders += seating.SendersOf(process).size();
  }
  EXPECT_EQ(all.size(), 123U);
  EXPECT_EQ(senders, 10U);
}

TEST(Seating, LetsEveryProcessUseEveryUrl) {
  const Seating seating(Load(8, 1, 2), {LoopbackTarget("a"), LoopbackTarget("b")});
  for (size_t process = 0; process < 2; ++process) {
    std::set<size_t> channels;
    for (const size_t person : seating.PeopleOf(process))
      channels.insert(seating.ChannelOf(person));
    EXPECT_EQ(channels.size(), 2U);
  }
}

TEST(Seating, TakesTwoUrlsOfOneChannelForOneChannel) {
  const Seating seating(Load(4, 1, 1),
                        {LoopbackTarget("a"), LoopbackTarget("b"), LoopbackTarget("a")});
  EXPECT_EQ(seating.channels(), 2U);
  EXPECT_EQ(seating.ChannelOf(0), seating.ChannelOf(2));
  EXPECT_NE(seating.ChannelOf(0), seating.ChannelOf(1));
}

TEST(Seating, SpreadsOverSourceAddressesWhenThereAreSeveral) {
  Options options = Load(6, 1, 1);
  EXPECT_FALSE(Seating(options, {LoopbackTarget("a")}).RouteOf(0).source.has_value());
  options.addresses = 3;
  const Seating seating(options, {LoopbackTarget("a")});
  std::set<uint32_t> sources;
  for (size_t person = 0; person < 6; ++person) {
    ASSERT_TRUE(seating.RouteOf(person).source.has_value());
    sources.insert(ntohl(seating.RouteOf(person).source->s_addr));
  }
  EXPECT_EQ(sources, (std::set<uint32_t>{0x7f000001, 0x7f000002, 0x7f000003}));
}

TEST(Seating, DoesNotLeaveTheLoopbackForOtherHosts) {
  Options options = Load(6, 1, 1);
  options.addresses = 3;
  EXPECT_FALSE(Seating(options, {Target()}).RouteOf(1).source.has_value());
}

TEST(Seating, LetsListenersStallAndNobodyElse) {
  Options options = Load(110, 10, 1);
  options.joins = 50;
  options.stalled = 10;
  const Seating seating(options, {LoopbackTarget("a")});
  size_t stalled = 0;
  for (size_t person = 0; person < options.people(); ++person) {
    if (!seating.Stalls(person)) continue;
    ++stalled;
    EXPECT_GE(person, 10U);
    EXPECT_LT(person, 110U);
    EXPECT_GT(seating.RouteOf(person).receive_buffer, 0);
  }
  EXPECT_EQ(stalled, 10U);
}

}  // namespace
}  // namespace gischat::bench
