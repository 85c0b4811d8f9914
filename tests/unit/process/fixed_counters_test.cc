#include "common/metrics/fixed_counters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace gischat::metrics {
namespace {

using testing::HasSubstr;

class FixedCountersTest : public testing::Test {
 protected:
  std::string Text() const { return prometheus::TextSerializer().Serialize(registry_.Collect()); }

  prometheus::Registry registry_;
};

TEST_F(FixedCountersTest, AreAllThereFromTheStart) {
  FixedCounters cut(registry_, "cut_total", "Cut.", "cause", {"slow", "silent"});
  EXPECT_THAT(Text(), HasSubstr("cut_total{cause=\"silent\"} 0\n"));
  EXPECT_THAT(Text(), HasSubstr("cut_total{cause=\"slow\"} 0\n"));
  cut.Count("slow");
  cut.Count("slow", 2);
  EXPECT_THAT(Text(), HasSubstr("cut_total{cause=\"silent\"} 0\n"));
  EXPECT_THAT(Text(), HasSubstr("cut_total{cause=\"slow\"} 3\n"));
}

TEST_F(FixedCountersTest, MayShareAName) {
  FixedCounters one(registry_, "calls_total", "Calls.", "code", StatusCodes(), {{"method", "a"}});
  FixedCounters two(registry_, "calls_total", "Calls.", "code", StatusCodes(), {{"method", "b"}});
  one.Count("UNAVAILABLE");
  EXPECT_THAT(Text(), HasSubstr("calls_total{code=\"UNAVAILABLE\",method=\"a\"} 1\n"));
  EXPECT_THAT(Text(), HasSubstr("calls_total{code=\"UNAVAILABLE\",method=\"b\"} 0\n"));
}

TEST_F(FixedCountersTest, CountAWordThatWasForgotten) {
  FixedCounters cut(registry_, "cut_total", "Cut.", "cause", {"slow"});
  cut.Count("stalled");
  cut.Count("stalled");
  EXPECT_THAT(Text(), HasSubstr("cut_total{cause=\"stalled\"} 2\n"));
}

}  // namespace
}  // namespace gischat::metrics
