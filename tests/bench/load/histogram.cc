#include "tests/bench/load/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace gischat::bench {

void Histogram::Add(int64_t value) {
  value = std::max<int64_t>(value, 0);
  ++buckets_[BucketOf(static_cast<uint64_t>(value))];
  ++count_;
  max_ = std::max(max_, value);
}

void Histogram::Add(const Histogram& other) {
  for (size_t bucket = 0; bucket < kBuckets; ++bucket) buckets_[bucket] += other.buckets_[bucket];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

Histogram::Counts Histogram::counts() const {
  Counts counts;
  for (size_t bucket = 0; bucket < kBuckets; ++bucket) {
    if (buckets_[bucket] > 0) counts.emplace_back(bucket, buckets_[bucket]);
  }
  return counts;
}

Histogram Histogram::FromCounts(const Counts& counts, int64_t max) {
  Histogram histogram;
  for (const auto& [bucket, count] : counts) {
    if (bucket >= kBuckets) continue;
    histogram.buckets_[bucket] += count;
    histogram.count_ += count;
  }
  histogram.max_ = max;
  return histogram;
}

int64_t Histogram::Percentile(double percent) const {
  if (count_ == 0) return 0;
  const auto rank = static_cast<uint64_t>(std::ceil(static_cast<double>(count_) * percent / 100));
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += buckets_[bucket];
    if (seen >= std::max<uint64_t>(rank, 1)) {
      return std::min(static_cast<int64_t>(UpperEndOf(bucket)), max_);
    }
  }
  return max_;
}

// Values below 64 have a bucket each; above, the highest bit picks a row of 64 buckets and the six
// bits below it the bucket in the row.
size_t Histogram::BucketOf(uint64_t value) {
  const auto width = static_cast<int>(std::bit_width(value));
  if (width <= kBitsInside) return value;
  const int shift = width - kBitsInside - 1;
  const uint64_t inside = (value >> shift) - (1ULL << kBitsInside);
  return (static_cast<size_t>(shift + 1) << kBitsInside) + inside;
}

uint64_t Histogram::UpperEndOf(size_t bucket) {
  const size_t row = bucket >> kBitsInside;
  if (row == 0) return bucket;
  const uint64_t inside = (bucket & ((1U << kBitsInside) - 1)) + (1ULL << kBitsInside);
  return ((inside + 1) << (row - 1)) - 1;
}

}  // namespace gischat::bench
