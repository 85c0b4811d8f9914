#pragma once

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <boost/asio/io_context.hpp>
#include <map>
#include <string>
#include <vector>

#include "edge/clients/lease.h"
#include "tests/support/fake_backends.h"
#include "tests/support/run_until.h"

namespace gischat::edge::clients {

// A lease over a presence that answers when the test says so.
class LeaseFixture : public testing::Test {
 protected:
  using FakePresence = tests::FakePresence;

  ~LeaseFixture() override {
    lease_.Stop(absl::ZeroDuration(), [] {});
    tests::Settle(loop_);
  }

  void Settle() { tests::Settle(loop_); }

  template <typename Condition>
  bool RunUntil(Condition holds) {
    return tests::RunUntil(loop_, holds);
  }

  // Attaches as `lease` and announces what there is.
  void Begin(const std::string& lease = "L1", uint32_t renew_every_ms = 60'000) {
    lease_.Start();
    Settle();
    GrantLease(lease, renew_every_ms);
  }

  // Answers the attach that waits, and the report that announces.
  void GrantLease(const std::string& lease, uint32_t renew_every_ms = 60'000) {
    presence_.attaches.AnswerLast(FakePresence::Attached(lease, renew_every_ms));
    Settle();
    AnswerReport();
  }

  void AnswerReport(bool known = true) {
    presence_.reports.AnswerLast(FakePresence::Counted(presence_.reports.last(), known));
    Settle();
    if (known) return;
    presence_.detaches.AnswerLast(presence::v1::DetachResponse());  // the lost lease is given up
    Settle();
  }

  // The store has come back empty: the next report tells that the lease is gone, and the edge gets
  // another one.
  void LoseLease(const std::string& next) {
    lease_.Connect("QGIS", [](hub::Count) {});
    Settle();
    const size_t before = presence_.attaches.size();
    AnswerReport(/*known=*/false);
    ASSERT_EQ(presence_.attaches.size(), before + 1);
    GrantLease(next);
  }

  // "channel=connections" of the last report.
  std::vector<std::string> Reported() const {
    std::vector<std::string> holdings;
    const presence::v1::ReportRequest request = presence_.reports.last();
    for (const auto& holding : request.holdings()) {
      holdings.push_back(holding.channel() + "=" + std::to_string(holding.connections()));
    }
    return holdings;
  }

  boost::asio::io_context loop_;
  FakePresence presence_;
  prometheus::Registry registry_;
  Lease lease_{loop_, presence_, "edge-1", {"QGIS", "Geotribu"}, registry_};
};

}  // namespace gischat::edge::clients
