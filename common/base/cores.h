#pragma once

#include <cstdint>

namespace gischat::base {

// How many cores this process may run on: those of the machine, or as many of them as it was pinned
// to (by taskset, a container's cpuset). At least 1.
uint32_t UsableCores();

}  // namespace gischat::base
