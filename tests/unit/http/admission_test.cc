#include "edge/http/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/edge_parts.h"

namespace gischat::edge::http {
namespace {

using std::chrono::milliseconds;
using testing::Contains;
using testing::HasSubstr;
using testing::Pair;

class AdmissionTest : public testing::Test {
 protected:
  void Limit(AdmissionLimits limits) {
    admission_ = std::make_unique<Admission>(std::move(limits), registry_);
  }
  // Keeps the ticket. The status of the refusal; 0: let in.
  int Enter(const std::string& address = "192.0.2.1", const std::string& origin = "") {
    auto entered = admission_->Enter(admission_->Arrive(), address, origin, now_);
    if (auto* ticket = std::get_if<Admission::Ticket>(&entered)) {
      tickets_.push_back(std::move(*ticket));
      return 0;
    }
    refusal_ = std::get<Response>(std::move(entered));
    return refusal_.status;
  }
  double Refused(const std::string& reason) {
    return tests::MetricValue(registry_, "gischat_edge_connections_refused_total", reason);
  }

  prometheus::Registry registry_;
  std::unique_ptr<Admission> admission_;
  Admission::Clock::time_point now_ = Admission::Clock::now();
  std::vector<Admission::Ticket> tickets_;
  Response refusal_;
};

TEST_F(AdmissionTest, LetsAConferenceInByDefault) {
  Limit({});
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_EQ(Enter(), 0) << i;
    now_ += milliseconds(1);
  }
}

TEST_F(AdmissionTest, BoundsTheConnectionsInAll) {
  Limit({.connections = 2, .allowed_origins = {}});
  EXPECT_EQ(Enter("a"), 0);
  EXPECT_EQ(Enter("b"), 0);
  EXPECT_EQ(Enter("c"), 503);
  EXPECT_EQ(refusal_.body, R"({"detail":"The server is full"})");
  EXPECT_THAT(refusal_.headers, Contains(Pair("Retry-After", "2")));
  EXPECT_EQ(Refused("full"), 1);
  tickets_.pop_back();
  EXPECT_EQ(Enter("c"), 0);
}

TEST_F(AdmissionTest, BoundsTheConnectionsOfAnAddress) {
  Limit({.connections_per_address = 2, .allowed_origins = {}});
  EXPECT_EQ(Enter("a"), 0);
  EXPECT_EQ(Enter("a"), 0);
  EXPECT_EQ(Enter("a"), 429);
  EXPECT_THAT(refusal_.body, HasSubstr("Too many connections from this address"));
  EXPECT_EQ(Refused("address"), 1);
  EXPECT_EQ(Enter("b"), 0);
  tickets_.erase(tickets_.begin());
  EXPECT_EQ(Enter("a"), 0);
}

TEST_F(AdmissionTest, BoundsTheRateOfAnAddress) {
  Limit({.connection_rate = 10, .allowed_origins = {}});
  for (int i = 0; i < 10; ++i) ASSERT_EQ(Enter("a"), 0);
  EXPECT_EQ(Enter("a"), 429);
  EXPECT_THAT(refusal_.headers, Contains(Pair("Retry-After", "2")));
  EXPECT_EQ(Enter("b"), 0);
  now_ += milliseconds(150);
  EXPECT_EQ(Enter("a"), 0);
  EXPECT_EQ(Enter("a"), 429);
  now_ += std::chrono::hours(1);
  for (int i = 0; i < 10; ++i) ASSERT_EQ(Enter("a"), 0);
  EXPECT_EQ(Enter("a"), 429) << "more than the rate was saved up";
  EXPECT_EQ(Refused("rate"), 3);
}

TEST_F(AdmissionTest, CountsMessagesOfAnAddressWhicheverWayTheyCome) {
  Limit({.message_rate = 3, .allowed_origins = {}});
  EXPECT_EQ(Enter("a"), 0);
  EXPECT_EQ(Enter("a"), 0);
  EXPECT_TRUE(tickets_[0].messages->Take(now_));
  EXPECT_TRUE(tickets_[1].messages->Take(now_));
  EXPECT_FALSE(admission_->RefuseMessage("a", now_));
  EXPECT_FALSE(tickets_[0].messages->Take(now_));
  const auto refusal = admission_->RefuseMessage("a", now_);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->status, 429);
  EXPECT_EQ(
      refusal->body,
      R"({"detail":"Not delivered: at most 3 messages per second may come from one address"})");
  EXPECT_THAT(refusal->headers, Contains(Pair("Retry-After", "1")));
  EXPECT_FALSE(admission_->RefuseMessage("b", now_));
  // Nobody gets a new bucket by leaving and coming back.
  tickets_.clear();
  EXPECT_EQ(Enter("a"), 0);
  EXPECT_FALSE(tickets_[0].messages->Take(now_));
  now_ += milliseconds(400);
  EXPECT_FALSE(admission_->RefuseMessage("a", now_));
  EXPECT_TRUE(admission_->RefuseMessage("a", now_));
}

TEST_F(AdmissionTest, BoundsTheSocketsOfAnyKind) {
  Limit({.sockets = 2, .allowed_origins = {}});
  auto one = admission_->Arrive();
  auto two = admission_->Arrive();
  EXPECT_NE(two, nullptr);
  EXPECT_EQ(admission_->Arrive(), nullptr);
  EXPECT_EQ(admission_->Arrive(), nullptr);
  EXPECT_EQ(Refused("sockets"), 2);
  one.reset();
  EXPECT_NE(admission_->Arrive(), nullptr);
}

TEST_F(AdmissionTest, AWebSocketKeepsThePlaceOfItsSocket) {
  Limit({.connections = 1, .sockets = 2, .allowed_origins = {}});
  EXPECT_EQ(Enter("a"), 0);
  auto other = admission_->Arrive();
  EXPECT_EQ(admission_->Arrive(), nullptr);
  other.reset();
  EXPECT_EQ(Enter("b"), 503);
  tickets_.clear();
  EXPECT_EQ(Enter("b"), 0);
}

TEST_F(AdmissionTest, ForgetsNobodyWhoIsConnected) {
  Limit({.connections_per_address = 1, .allowed_origins = {}});
  EXPECT_EQ(Enter("a"), 0);
  now_ += std::chrono::hours(1);
  EXPECT_EQ(Enter("b"), 0);
  EXPECT_EQ(Enter("a"), 429);
}

TEST_F(AdmissionTest, ZeroTurnsABoundOff) {
  Limit({.connections = 0,
         .connections_per_address = 0,
         .connection_rate = 0,
         .message_rate = 0,
         .allowed_origins = {}});
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_EQ(Enter(), 0);
    ASSERT_FALSE(admission_->RefuseMessage("192.0.2.1", now_));
    ASSERT_NE(admission_->Arrive(), nullptr);
  }
}

TEST_F(AdmissionTest, RefusesPagesOfOtherOrigins) {
  Limit({.allowed_origins = {"https://chat.example", "https://other.example"}});
  EXPECT_EQ(Enter("a", "https://chat.example"), 0);
  EXPECT_EQ(Enter("a", ""), 0) << "QGIS sends none";
  for (const char* origin : {"https://evil.example", "http://chat.example",
                             "https://chat.example.evil.example", "null"}) {
    EXPECT_EQ(Enter("a", origin), 403) << origin;
  }
  EXPECT_EQ(Refused("origin"), 4);
  Limit({});
  EXPECT_EQ(Enter("a", "https://evil.example"), 0);
}

TEST_F(AdmissionTest, LetsNobodyInOnceItIsClosed) {
  Limit({});
  EXPECT_EQ(Enter(), 0);
  admission_->Close();
  EXPECT_EQ(Enter(), 503);
  EXPECT_THAT(refusal_.body, HasSubstr("about to restart"));
  EXPECT_EQ(Refused("draining"), 1);
}

TEST_F(AdmissionTest, MayEndBeforeItsTickets) {
  Limit({});
  EXPECT_EQ(Enter(), 0);
  admission_.reset();
  tickets_.clear();
}

TEST_F(AdmissionTest, GoesByOtherLimitsFromTheMomentTheyChange) {
  Limit({.connections = 1, .message_rate = 1, .allowed_origins = {}});
  EXPECT_EQ(Enter("a"), 0);
  EXPECT_EQ(Enter("b"), 503);
  EXPECT_FALSE(admission_->RefuseMessage("a", now_));
  EXPECT_TRUE(admission_->RefuseMessage("a", now_));
  admission_->Change({.connections = 2, .message_rate = 100, .allowed_origins = {"https://x"}});
  EXPECT_EQ(Enter("b", "https://y"), 403);
  EXPECT_EQ(Enter("b", "https://x"), 0);
  EXPECT_EQ(Enter("c"), 503);
  now_ += milliseconds(100);
  EXPECT_FALSE(admission_->RefuseMessage("a", now_)) << "whoever is known has the new rate";
  EXPECT_TRUE(tickets_[0].messages->Take(now_));
}

}  // namespace
}  // namespace gischat::edge::http
