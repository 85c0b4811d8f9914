#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace gischat::bench {

// Counts values in buckets whose width grows with the value, so that every percentile is right to
// within 1.6 %. Any unit.
class Histogram {
 public:
  void Add(int64_t value);  // negative ones count as 0
  void Add(const Histogram& other);

  uint64_t count() const { return count_; }
  int64_t max() const { return max_; }  // exact

  // The value that `percent` of all values do not exceed; 0 when there are none.
  int64_t Percentile(double percent) const;

  // Its content as (bucket, count), and back again: how histograms travel between processes.
  // Buckets that don't exist are overlooked.
  using Counts = std::vector<std::pair<size_t, uint64_t>>;
  Counts counts() const;
  static Histogram FromCounts(const Counts& counts, int64_t max);

 private:
  static constexpr int kBitsInside = 6;  // 64 buckets for each power of two
  static constexpr size_t kBuckets = (64 - kBitsInside) << kBitsInside;

  static size_t BucketOf(uint64_t value);
  static uint64_t UpperEndOf(size_t bucket);

  std::array<uint64_t, kBuckets> buckets_{};
  uint64_t count_ = 0;
  int64_t max_ = 0;
};

}  // namespace gischat::bench
