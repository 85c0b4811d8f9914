#include "tests/bench/load/histogram.h"

#include <gtest/gtest.h>

namespace gischat::bench {
namespace {

TEST(Histogram, IsExactForSmallValues) {
  Histogram histogram;
  for (int64_t value = 1; value <= 50; ++value) histogram.Add(value);
  EXPECT_EQ(histogram.Percentile(50), 25);
  EXPECT_EQ(histogram.Percentile(90), 45);
  EXPECT_EQ(histogram.Percentile(100), 50);
}

TEST(Histogram, IsCloseForLargeValues) {
  Histogram histogram;
  for (int64_t value = 1; value <= 100'000; ++value) histogram.Add(value * 1'000);
  EXPECT_NEAR(static_cast<double>(histogram.Percentile(50)), 50e6, 50e6 * 0.016);
  EXPECT_NEAR(static_cast<double>(histogram.Percentile(99.9)), 99.9e6, 99.9e6 * 0.016);
  EXPECT_EQ(histogram.max(), 100'000'000);
}

TEST(Histogram, NeverExceedsTheLargestValue) {
  Histogram histogram;
  histogram.Add(1'000'003);
  EXPECT_EQ(histogram.Percentile(50), 1'000'003);
}

TEST(Histogram, AddsUpOverProcesses) {
  Histogram here;
  Histogram there;
  for (int64_t value = 1; value <= 50; ++value) here.Add(value);
  for (int64_t value = 1'000'000; value < 1'000'050; ++value) there.Add(value);
  here.Add(Histogram::FromCounts(there.counts(), there.max()));
  EXPECT_EQ(here.count(), 100U);
  EXPECT_EQ(here.Percentile(50), 50);
  EXPECT_NEAR(static_cast<double>(here.Percentile(90)), 1e6, 1e6 * 0.016);
  EXPECT_EQ(here.max(), 1'000'049);
}

TEST(Histogram, OverlooksCountsOfNoBucket) {
  EXPECT_EQ(Histogram::FromCounts({{1U << 20, 5}}, 1).count(), 0U);
}

TEST(Histogram, IsZeroWhenEmpty) { EXPECT_EQ(Histogram().Percentile(99), 0); }

TEST(Histogram, TakesTheWholeRange) {
  Histogram histogram;
  histogram.Add(INT64_MAX);
  histogram.Add(-5);
  EXPECT_EQ(histogram.Percentile(50), 0);
  EXPECT_EQ(histogram.Percentile(100), INT64_MAX);
}

}  // namespace
}  // namespace gischat::bench
