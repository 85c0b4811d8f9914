#include "tests/bench/load/roll.h"

#include <gtest/gtest.h>

#include <string>

namespace gischat::bench {
namespace {

// What a server makes of a newcomer: the same name, among other keys.
std::string Told(std::string message) {
  return message.insert(message.find(",\"newcomer\""), R"(,"id":"0","timestamp":1)");
}

TEST(Roll, FindsThePersonBehindANickname) {
  const Roll roll("run1", 100, {0, 0}, {0});
  EXPECT_EQ(roll.Find(Told(roll.Newcomer(101))), 101U);
}

TEST(Roll, OverlooksNicknamesOfOthers) {
  const Roll roll("run1", 100, {0, 0}, {0});
  EXPECT_FALSE(roll.Find(roll.Newcomer(99)).has_value());
  EXPECT_FALSE(roll.Find(roll.Newcomer(102)).has_value());
  EXPECT_FALSE(roll.Find(R"({"type":"newcomer","newcomer":"run2-100"})").has_value());
  EXPECT_FALSE(roll.Find(R"({"type":"newcomer","newcomer":"run1-x"})").has_value());
}

TEST(Roll, IsCompleteWhenEverybodyHasHeardOfEverybody) {
  Roll roll("run1", 0, {0, 0}, {0, 0});
  roll.Hear(0, 0);
  roll.Hear(0, 1);
  roll.Hear(1, 1);
  EXPECT_EQ(roll.missing(), 1U);
  EXPECT_FALSE(roll.complete());
  roll.Hear(1, 0);
  EXPECT_TRUE(roll.complete());
}

TEST(Roll, CountsWhoIsHeardOfTwice) {
  Roll roll("run1", 0, {0}, {0});
  roll.Hear(0, 0);
  roll.Hear(0, 0);
  EXPECT_EQ(roll.doubled(), 1U);
}

TEST(Roll, ExpectsNobodyOfAnotherChannel) {
  Roll roll("run1", 0, {0, 1}, {0});
  roll.Hear(0, 1);
  EXPECT_EQ(roll.misrouted(), 1U);
  roll.Hear(0, 0);
  EXPECT_TRUE(roll.complete());
}

TEST(Roll, ExpectsNothingOfAClosedListener) {
  Roll roll("run1", 0, {0}, {0, 0});
  roll.Hear(0, 0);
  roll.Close(1);
  EXPECT_TRUE(roll.complete());
}

}  // namespace
}  // namespace gischat::bench
