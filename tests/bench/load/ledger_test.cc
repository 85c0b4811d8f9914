#include "tests/bench/load/ledger.h"

#include <gtest/gtest.h>

namespace gischat::bench {
namespace {

TEST(Ledger, FindsNoFaultWhenAllIsDeliveredInOrder) {
  Ledger ledger({0, 0}, {0, 0});
  for (const size_t receiver : {0U, 1U}) {
    ledger.Deliver(receiver, {0, 1});
    ledger.Deliver(receiver, {1, 1});
    ledger.Deliver(receiver, {0, 2});
  }
  EXPECT_TRUE(ledger.Complete({2, 1}));
  const Faults faults = Judge(ledger.Settle({2, 1}), {0, 0});
  EXPECT_EQ(faults.lost, 0U);
  EXPECT_EQ(faults.doubled, 0U);
  EXPECT_EQ(faults.misordered, 0U);
  EXPECT_EQ(faults.unpublished, 0U);
  EXPECT_EQ(faults.other_order, 0U);
}

TEST(Ledger, CountsALossInTheMiddleAndAtTheEnd) {
  Ledger ledger({0, 0}, {0});
  for (const uint32_t sequence : {1U, 2U, 3U, 4U}) ledger.Deliver(0, {0, sequence});
  for (const uint32_t sequence : {1U, 3U}) ledger.Deliver(1, {0, sequence});
  EXPECT_FALSE(ledger.Complete({4}));
  EXPECT_EQ(Judge(ledger.Settle({4}), {0, 0}).lost, 2U);
}

TEST(Ledger, TellsWhatNobodyGotFromWhatSomebodyMissed) {
  Ledger ledger({0, 0}, {0});
  ledger.Deliver(0, {0, 1});
  ledger.Deliver(0, {0, 3});
  ledger.Deliver(1, {0, 3});
  const Faults faults = Judge(ledger.Settle({4}), {0, 0});
  EXPECT_EQ(faults.lost, 1U);
  EXPECT_EQ(faults.unpublished, 2U);
}

TEST(Ledger, TellsADoubleFromALateOne) {
  Ledger ledger({0}, {0});
  ledger.Deliver(0, {0, 1});
  ledger.Deliver(0, {0, 3});
  ledger.Deliver(0, {0, 2});
  ledger.Deliver(0, {0, 2});
  ledger.Deliver(0, {0, 3});
  const Faults faults = Judge(ledger.Settle({3}), {0, 0});
  EXPECT_EQ(faults.misordered, 1U);
  EXPECT_EQ(faults.doubled, 2U);
  EXPECT_EQ(faults.lost, 0U);
}

TEST(Ledger, SeesThatSendersAreInterleavedDifferently) {
  Ledger ledger({0, 0, 0}, {0, 0});
  for (const size_t receiver : {0U, 1U}) {
    ledger.Deliver(receiver, {0, 1});
    ledger.Deliver(receiver, {1, 1});
  }
  ledger.Deliver(2, {1, 1});
  ledger.Deliver(2, {0, 1});
  EXPECT_EQ(Judge(ledger.Settle({1, 1}), {0, 0}).other_order, 1U);
}

TEST(Ledger, ExpectsNothingOfAClosedReceiver) {
  Ledger ledger({0, 0}, {0});
  ledger.Deliver(0, {0, 1});
  ledger.Close(1);
  EXPECT_TRUE(ledger.Complete({1}));
  EXPECT_EQ(Judge(ledger.Settle({1}), {0, 0}).lost, 0U);
}

TEST(Ledger, CountsADeliveryInAnotherChannelAndExpectsNoneThere) {
  Ledger ledger({0, 1}, {0, 1});
  ledger.Deliver(0, {0, 1});
  ledger.Deliver(1, {1, 1});
  EXPECT_TRUE(ledger.Complete({1, 1}));
  ledger.Deliver(1, {0, 1});
  const Faults faults = Judge(ledger.Settle({1, 1}), {0, 1});
  EXPECT_EQ(faults.misrouted, 1U);
  EXPECT_EQ(faults.lost, 0U);
  EXPECT_EQ(faults.other_order, 0U);
}

TEST(Judge, TellsWhatNobodyGotOnlyFromAllLedgersTogether) {
  Ledger here({0}, {0});
  Ledger there({0}, {0});
  here.Deliver(0, {0, 1});
  there.Deliver(0, {0, 2});
  Balance balance = here.Settle({3});
  balance.Add(there.Settle({3}));
  const Faults faults = Judge(balance, {0});
  EXPECT_EQ(faults.lost, 2U);
  EXPECT_EQ(faults.unpublished, 1U);
}

TEST(Judge, AsksOnlyThoseOfTheChannelWhetherAnybodyGotIt) {
  Ledger ledger({0, 0, 1}, {0, 1});
  const Faults faults = Judge(ledger.Settle({0, 1}), {0, 1});
  EXPECT_EQ(faults.unpublished, 1U);
  EXPECT_EQ(faults.lost, 0U);
}

TEST(Judge, SeesAnotherOrderInAnotherLedger) {
  Ledger here({0, 0}, {0, 0});
  Ledger there({0}, {0, 0});
  for (const size_t receiver : {0U, 1U}) {
    here.Deliver(receiver, {0, 1});
    here.Deliver(receiver, {1, 1});
  }
  there.Deliver(0, {1, 1});
  there.Deliver(0, {0, 1});
  Balance balance = there.Settle({1, 1});
  EXPECT_EQ(Judge(balance, {0, 0}).other_order, 0U);
  balance.Add(here.Settle({1, 1}));
  EXPECT_EQ(Judge(balance, {0, 0}).other_order, 1U);
}

}  // namespace
}  // namespace gischat::bench
