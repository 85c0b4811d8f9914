#include "common/process/heap.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <vector>

#include "tests/support/run_until.h"

// Sanitizers have an allocator of their own, which keeps what is freed.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace gischat::process {
namespace {

size_t ResidentBytes() {
  size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> pages;
  return pages * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

TEST(Heap, GivesBackWhatABurstHasLeft) {
  constexpr size_t kPieces = 100'000;
  constexpr size_t kBytes = 2000;
  constexpr size_t kKeptOneOf = 100;
  boost::asio::io_context loop;
  Heap heap(loop, std::chrono::milliseconds(10));
  heap.Start();
  const size_t before = ResidentBytes();
  std::vector<std::unique_ptr<std::vector<char>>> burst;
  for (size_t i = 0; i < kPieces; ++i) {
    burst.push_back(std::make_unique<std::vector<char>>(kBytes, 'x'));
  }
  const size_t most = ResidentBytes();
  ASSERT_GT(most, before + kPieces * kBytes / 2);
  for (size_t i = 0; i < kPieces; ++i) {
    if (i % kKeptOneOf != 0) burst[i].reset();
  }
  EXPECT_TRUE(tests::RunUntil(loop, [&] { return ResidentBytes() < before + (most - before) / 4; }))
      << ResidentBytes() << " of " << most;
}

}  // namespace
}  // namespace gischat::process

#endif
