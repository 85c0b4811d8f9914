#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace gischat::metrics {

// How many bytes of memory the control groups of this process may use, as Docker and Kubernetes set
// them (version 2 or 1): the smallest limit of its group and those above, as far as it sees them.
// Nothing when there is none. `root`: where /proc and /sys are.
std::optional<uint64_t> MemoryLimit(const std::filesystem::path& root = "/");

}  // namespace gischat::metrics
