#include "tests/bench/load/tally.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gischat::bench {
namespace {

using ::testing::ElementsAre;

Tally Some() {
  Tally tally;
  tally.connect_seconds = 1.5;
  tally.sent = 3;
  tally.deliveries = 30;
  tally.latency_ns.Add(1000);
  tally.balance.open = {2};
  tally.balance.missing[{1, 2}] = 1;
  tally.balance.orders[{0, 30, ~uint64_t{0}}] = 2;
  tally.first_refusal = "no \xff";
  tally.join_failures = 1;
  tally.joins_from_ns = 100;
  tally.joins_until_ns = 900;
  tally.cpu_seconds = {0.5};
  return tally;
}

TEST(Tally, SurvivesTheWayBetweenProcesses) {
  Tally tally = Some();
  tally.first_refusal = "no";
  const Tally copy = nlohmann::json::parse(nlohmann::json(tally).dump()).get<Tally>();
  EXPECT_EQ(copy.connect_seconds, 1.5);
  EXPECT_EQ(copy.deliveries, 30U);
  EXPECT_EQ(copy.latency_ns.Percentile(50), tally.latency_ns.Percentile(50));
  EXPECT_EQ(copy.balance.missing, tally.balance.missing);
  EXPECT_EQ(copy.balance.orders, tally.balance.orders);
  EXPECT_EQ(copy.first_refusal, "no");
  EXPECT_EQ(copy.joins_until_ns, 900);
  EXPECT_THAT(copy.cpu_seconds, ElementsAre(0.5));
}

TEST(Tally, AddsUpCountsAndKeepsTheEnds) {
  Tally tally = Some();
  Tally other = Some();
  other.connect_seconds = 1;
  other.joins_from_ns = 50;
  other.joins_until_ns = 800;
  tally.Add(other);
  EXPECT_EQ(tally.connect_seconds, 1.5);
  EXPECT_EQ(tally.sent, 6U);
  EXPECT_EQ(tally.latency_ns.count(), 2U);
  EXPECT_THAT(tally.balance.open, ElementsAre(4));
  EXPECT_EQ((tally.balance.missing[{1, 2}]), 2U);
  EXPECT_EQ(tally.join_failures, 2U);
  EXPECT_EQ(tally.joins_from_ns, 50);
  EXPECT_EQ(tally.joins_until_ns, 900);
  EXPECT_THAT(tally.cpu_seconds, ElementsAre(0.5, 0.5));
}

TEST(Tally, TakesTheBeginningFromThoseWhoHadJoiners) {
  Tally tally = Some();
  tally.Add(Tally());
  EXPECT_EQ(tally.joins_from_ns, 100);
  Tally none;
  none.Add(Some());
  EXPECT_EQ(none.joins_from_ns, 100);
}

}  // namespace
}  // namespace gischat::bench
