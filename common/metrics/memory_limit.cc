#include "common/metrics/memory_limit.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <string_view>

namespace gischat::metrics {
namespace {

// Version 1 says "no limit" by the largest number of whole pages.
constexpr uint64_t kNoLimit = uint64_t{1} << 60;

std::optional<uint64_t> ReadLimit(const std::filesystem::path& file) {
  std::ifstream stream(file);
  uint64_t bytes = 0;
  if (!(stream >> bytes) || bytes >= kNoLimit) return std::nullopt;  // "max" is no number
  return bytes;
}

// The smallest limit between the group and the root of its hierarchy. A container may be shown a
// group that it does not see: what it has is mounted at the root then.
std::optional<uint64_t> Smallest(const std::filesystem::path& hierarchy, std::string group,
                                 const char* file) {
  std::optional<uint64_t> smallest;
  while (true) {
    const auto limit = ReadLimit(hierarchy / std::filesystem::path(group).relative_path() / file);
    if (limit) smallest = std::min(limit.value(), smallest.value_or(kNoLimit));
    const size_t slash = group.rfind('/');
    if (slash == std::string::npos) return smallest;
    group.resize(slash);
  }
}

bool ListsMemory(std::string_view controllers) {
  while (!controllers.empty()) {
    const size_t comma = std::min(controllers.find(','), controllers.size());
    if (controllers.substr(0, comma) == "memory") return true;
    controllers.remove_prefix(std::min(comma + 1, controllers.size()));
  }
  return false;
}

}  // namespace

std::optional<uint64_t> MemoryLimit(const std::filesystem::path& root) {
  const std::filesystem::path groups = root / "sys/fs/cgroup";
  std::ifstream file(root / "proc/self/cgroup");
  std::optional<uint64_t> smallest;
  for (std::string line; std::getline(file, line);) {  // number:controllers:group
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    std::optional<uint64_t> limit;
    if (controllers.empty()) {
      limit = Smallest(groups, group, "memory.max");
    } else if (ListsMemory(controllers)) {
      limit = Smallest(groups / "memory", group, "memory.limit_in_bytes");
    }
    if (limit) smallest = std::min(limit.value(), smallest.value_or(kNoLimit));
  }
  return smallest;
}

}  // namespace gischat::metrics
