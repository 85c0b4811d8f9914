#include "edge/session/keepalive.h"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "tests/support/run_until.h"

namespace gischat::edge::session {
namespace {

using std::chrono::milliseconds;

class Pinged final : public Kept {
 public:
  void OnPingDue(std::chrono::steady_clock::time_point) override {
    ++pings;
    if (leaves != nullptr) leaves->Remove(*this);
  }
  void OnWatched(std::chrono::steady_clock::time_point) override {
    ++looks;
    if (watches != nullptr) watches->Unwatch(*this);
  }
  int pings = 0;
  int looks = 0;
  Keepalive* leaves = nullptr;   // where it removes itself when it is pinged
  Keepalive* watches = nullptr;  // where it wants to be looked at once only
};

TEST(Keepalive, PingsEverybodyOncePerInterval) {
  boost::asio::io_context loop;
  Keepalive keepalive(loop, std::chrono::seconds(1));
  std::vector<Pinged> pinged(50);
  for (Pinged& kept : pinged) keepalive.Add(kept);
  EXPECT_EQ(keepalive.size(), 50u);
  keepalive.Start();
  const auto total = [&] {
    int pings = 0;
    for (const Pinged& kept : pinged) pings += kept.pings;
    return pings;
  };
  ASSERT_TRUE(tests::RunUntil(loop, [&] { return total() >= 100; }));
  for (const Pinged& kept : pinged) EXPECT_EQ(kept.pings, 2);
}

TEST(Keepalive, SpreadsThePings) {
  boost::asio::io_context loop;
  Keepalive keepalive(loop, std::chrono::seconds(1));
  std::vector<Pinged> pinged(8);
  for (Pinged& kept : pinged) keepalive.Add(kept);
  keepalive.Start();
  ASSERT_TRUE(tests::RunUntil(loop, [&] {
    for (const Pinged& kept : pinged) {
      if (kept.pings > 0) return true;
    }
    return false;
  }));
  int first = 0;
  for (const Pinged& kept : pinged) first += kept.pings;
  EXPECT_EQ(first, 2);
}

TEST(Keepalive, LetsGoOfThoseWhoLeave) {
  boost::asio::io_context loop;
  Keepalive keepalive(loop, std::chrono::seconds(1));
  std::vector<Pinged> pinged(20);
  for (Pinged& kept : pinged) keepalive.Add(kept);
  for (size_t i = 0; i < pinged.size(); i += 2) keepalive.Remove(pinged[i]);
  pinged[1].leaves = &keepalive;
  EXPECT_EQ(keepalive.size(), 10u);
  keepalive.Start();
  ASSERT_TRUE(tests::RunUntil(loop, [&] { return pinged[19].pings == 2; }));
  tests::RunFor(loop, milliseconds(300));
  EXPECT_EQ(pinged[0].pings, 0);
  EXPECT_EQ(pinged[1].pings, 1);
  EXPECT_EQ(keepalive.size(), 9u);
}

TEST(Keepalive, ServesSomeAtATimeUntilNobodyIsLeft) {
  boost::asio::io_context loop;
  Keepalive keepalive(loop, std::chrono::seconds(1));
  std::vector<Pinged> pinged(10);
  for (Pinged& kept : pinged) keepalive.Add(kept);
  int served = 0;
  const auto serve = [&](Kept& kept) {
    ++served;
    keepalive.Remove(kept);
  };
  keepalive.ForSome(4, serve);
  EXPECT_EQ(served, 4);
  keepalive.ForSome(100, serve);
  EXPECT_EQ(served, 10);
  EXPECT_EQ(keepalive.size(), 0u);
}

TEST(Keepalive, WatchesSomeAtEveryTickUntilTheyAreLeftAlone) {
  boost::asio::io_context loop;
  Keepalive keepalive(loop, std::chrono::seconds(3600));
  std::vector<Pinged> pinged(4);
  for (Pinged& kept : pinged) keepalive.Add(kept);
  for (size_t i : {0, 1, 2, 1}) keepalive.Watch(pinged[i]);
  pinged[0].watches = &keepalive;
  keepalive.Start();
  ASSERT_TRUE(tests::RunUntil(loop, [&] { return pinged[1].looks == 2; }));
  EXPECT_EQ(pinged[0].looks, 1);
  EXPECT_EQ(pinged[2].looks, 2);
  EXPECT_EQ(pinged[3].looks, 0);
  keepalive.Remove(pinged[1]);
  keepalive.Unwatch(pinged[3]);
  ASSERT_TRUE(tests::RunUntil(loop, [&] { return pinged[2].looks == 3; }));
  EXPECT_EQ(pinged[1].looks, 2);
}

TEST(Keepalive, Stops) {
  boost::asio::io_context loop;
  Keepalive keepalive(loop, std::chrono::seconds(1));
  keepalive.Start();
  keepalive.Stop();
  loop.run();  // ends by itself
}

}  // namespace
}  // namespace gischat::edge::session
