#include "common/metrics/memory_limit.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "tests/support/temporary_folder.h"

namespace gischat::metrics {
namespace {

class MemoryLimitTest : public testing::Test {
 protected:
  void Write(const std::string& file, const std::string& text) {
    const std::filesystem::path path = root() / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  std::filesystem::path root() const { return folder_.path(); }

 private:
  tests::TemporaryFolder folder_{"memory-limit"};
};

TEST_F(MemoryLimitTest, IsNoneWithoutControlGroups) {
  EXPECT_EQ(MemoryLimit(root()), std::nullopt);
}

TEST_F(MemoryLimitTest, OfAContainerStandsAtTheRoot) {
  Write("proc/self/cgroup", "0::/\n");
  Write("sys/fs/cgroup/memory.max", "268435456\n");
  EXPECT_EQ(MemoryLimit(root()), 268435456U);
}

TEST_F(MemoryLimitTest, IsNoneWhenTheGroupHasNone) {
  Write("proc/self/cgroup", "0::/\n");
  Write("sys/fs/cgroup/memory.max", "max\n");
  EXPECT_EQ(MemoryLimit(root()), std::nullopt);
}

TEST_F(MemoryLimitTest, IsTheSmallestOfTheGroupsAbove) {
  Write("proc/self/cgroup", "0::/system.slice/gischat.service\n");
  Write("sys/fs/cgroup/system.slice/gischat.service/memory.max", "max\n");
  Write("sys/fs/cgroup/system.slice/memory.max", "1000000\n");
  EXPECT_EQ(MemoryLimit(root()), 1000000U);
  Write("sys/fs/cgroup/system.slice/gischat.service/memory.max", "2000000\n");
  EXPECT_EQ(MemoryLimit(root()), 1000000U);
  Write("sys/fs/cgroup/system.slice/gischat.service/memory.max", "500000\n");
  EXPECT_EQ(MemoryLimit(root()), 500000U);
}

TEST_F(MemoryLimitTest, OfTheFirstVersionIsSeenToo) {
  Write("proc/self/cgroup", "9:name=systemd:/x\n4:cpu,memory:/docker/abc\n0::/\n");
  Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(MemoryLimit(root()), std::nullopt);
  Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n");
  EXPECT_EQ(MemoryLimit(root()), 536870912U);
}

}  // namespace
}  // namespace gischat::metrics
