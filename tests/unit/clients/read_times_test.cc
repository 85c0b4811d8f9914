#include "edge/clients/read_times.h"

#include <gtest/gtest.h>

namespace gischat::edge::clients {
namespace {

using std::chrono::seconds;

class ReadTimesTest : public testing::Test {
 protected:
  ReadTimesTest() { times_.Begin("ada"); }

  static ReadTimes::Clock::time_point At(int second) {
    return ReadTimes::Clock::time_point(seconds(second));
  }

  std::optional<ReadTimes::Clock::time_point> Take(uint64_t number,
                                                   const std::string& publisher = "ada") {
    return times_.Take(PublishToken(publisher, number));
  }

  ReadTimes times_;
};

TEST_F(ReadTimesTest, TellsEachOfItsOwnOnce) {
  times_.Note(1, At(10));
  times_.Note(2, At(20));
  EXPECT_EQ(Take(1), At(10));
  EXPECT_EQ(Take(1), std::nullopt);
  EXPECT_EQ(Take(2), At(20));
  EXPECT_EQ(Take(3), std::nullopt);
}

TEST_F(ReadTimesTest, KnowsNothingOfOthers) {
  times_.Note(1, At(10));
  EXPECT_EQ(Take(1, "bob"), std::nullopt);
  times_.Begin("bob");
  EXPECT_EQ(Take(1, "ada"), std::nullopt);
  EXPECT_EQ(Take(1, "bob"), std::nullopt);
}

TEST_F(ReadTimesTest, ForgetsWhatWasPassedOver) {
  times_.Note(1, At(10));
  times_.Note(2, At(20));
  EXPECT_EQ(Take(2), At(20));
  EXPECT_EQ(Take(1), std::nullopt);
  times_.Note(3, At(30));
  EXPECT_EQ(Take(3), At(30));
}

TEST_F(ReadTimesTest, ANumberThatIsSentAgainStandsForTheLastMessage) {
  times_.Note(1, At(10));
  times_.Note(2, At(20));
  times_.Note(1, At(11));
  EXPECT_EQ(Take(1), At(11));
  times_.Note(1, At(12));  // a repetition of what was heard
  EXPECT_EQ(Take(1), std::nullopt);
  EXPECT_EQ(Take(2), At(20));
}

TEST_F(ReadTimesTest, IsBounded) {
  for (uint64_t number = 1; number <= ReadTimes::kMost + 1; ++number) times_.Note(number, At(10));
  EXPECT_EQ(Take(1), std::nullopt);
  EXPECT_EQ(Take(2), At(10));
  EXPECT_EQ(Take(ReadTimes::kMost + 1), At(10));
}

}  // namespace
}  // namespace gischat::edge::clients
