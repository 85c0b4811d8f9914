#include "services/moderation/image_cache.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace gischat::moderation {
namespace {

constexpr size_t kKilobyte = 1024;

Sha256Digest DigestOf(int number) { return *Sha256(std::to_string(number)); }

ImageOutcome Outcome(size_t bytes) { return std::make_shared<const std::string>(bytes, 'x'); }

TEST(ImageCache, FindsWhatItKeeps) {
  ImageCache cache(10 * kKilobyte);
  EXPECT_EQ(cache.Find(DigestOf(1)), nullptr);
  const ImageOutcome outcome = Outcome(kKilobyte);
  cache.Keep(DigestOf(1), outcome);
  EXPECT_EQ(cache.Find(DigestOf(1)), outcome);
  EXPECT_EQ(cache.Find(DigestOf(2)), nullptr);
}

TEST(ImageCache, LetsGoWhatWasNotAskedForLongest) {
  ImageCache cache(3 * 2 * kKilobyte);
  for (int number = 1; number <= 3; ++number) cache.Keep(DigestOf(number), Outcome(kKilobyte));
  EXPECT_NE(cache.Find(DigestOf(1)), nullptr);
  cache.Keep(DigestOf(4), Outcome(3 * kKilobyte));
  EXPECT_EQ(cache.Find(DigestOf(2)), nullptr);
  EXPECT_NE(cache.Find(DigestOf(3)), nullptr);
  EXPECT_NE(cache.Find(DigestOf(1)), nullptr);
  EXPECT_NE(cache.Find(DigestOf(4)), nullptr);
  cache.Keep(DigestOf(5), Outcome(kKilobyte));
  EXPECT_EQ(cache.Find(DigestOf(3)), nullptr);
  EXPECT_NE(cache.Find(DigestOf(1)), nullptr);
}

TEST(ImageCache, NeverHoldsMoreThanItMay) {
  ImageCache cache(64 * kKilobyte);
  for (int number = 0; number < 1000; ++number) {
    const size_t bytes = static_cast<size_t>(number) * 7919 % (20 * kKilobyte);
    cache.Keep(DigestOf(number), Outcome(bytes));
    EXPECT_NE(cache.Find(DigestOf(number)), nullptr);
    EXPECT_LE(cache.bytes(), 64 * kKilobyte);
  }
  EXPECT_GT(cache.bytes(), 44 * kKilobyte);
}

TEST(ImageCache, CountsSmallOnesToo) {
  ImageCache cache(64 * kKilobyte);
  for (int number = 0; number < 1000; ++number) cache.Keep(DigestOf(number), Outcome(0));
  EXPECT_EQ(cache.Find(DigestOf(0)), nullptr);
  EXPECT_NE(cache.Find(DigestOf(999)), nullptr);
}

TEST(ImageCache, KeepsNothingThatIsLargerThanAllOfIt) {
  ImageCache cache(4 * kKilobyte);
  cache.Keep(DigestOf(1), Outcome(kKilobyte));
  cache.Keep(DigestOf(2), Outcome(4 * kKilobyte));
  EXPECT_EQ(cache.Find(DigestOf(2)), nullptr);
  EXPECT_NE(cache.Find(DigestOf(1)), nullptr);
}

TEST(ImageCache, CountsWhatItIsGivenTwiceOnce) {
  ImageCache cache(10 * kKilobyte);
  cache.Keep(DigestOf(1), Outcome(kKilobyte));
  const size_t bytes = cache.bytes();
  cache.Keep(DigestOf(1), Outcome(kKilobyte));
  EXPECT_EQ(cache.bytes(), bytes);
}

}  // namespace
}  // namespace gischat::moderation
