#include "edge/session/traffic.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>

namespace gischat::edge::session {
namespace {

using std::chrono::microseconds;

class TrafficTest : public testing::Test {
 protected:
  boost::asio::io_context loop_;
  net::EndOfTurn end_of_turn_{loop_.get_executor(), [] {}};
  Traffic traffic_{.end_of_turn = end_of_turn_};
};

TEST_F(TrafficTest, WaitsForNothingInASmallCompany) {
  EXPECT_EQ(traffic_.Linger(0), microseconds(0));
  EXPECT_EQ(traffic_.Linger(49), microseconds(0));
  traffic_.claims = 1;
  EXPECT_EQ(traffic_.Linger(49), microseconds(0));
}

TEST_F(TrafficTest, WaitsLongerInALargerCrowdButNeverLong) {
  EXPECT_EQ(traffic_.Linger(50), microseconds(50));
  EXPECT_EQ(traffic_.Linger(1'000), microseconds(1'000));
  EXPECT_EQ(traffic_.Linger(20'000), microseconds(5'000));
}

TEST_F(TrafficTest, WaitsLongestForNewcomers) {
  traffic_.claims = 3;
  EXPECT_EQ(traffic_.Linger(1'000), microseconds(3'000));
  EXPECT_EQ(traffic_.Linger(20'000), microseconds(30'000));
}

}  // namespace
}  // namespace gischat::edge::session
