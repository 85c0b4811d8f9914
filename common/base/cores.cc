#include "common/base/cores.h"

#include <sched.h>

#include <algorithm>
#include <thread>

namespace gischat::base {

uint32_t UsableCores() {
  cpu_set_t usable;
  if (sched_getaffinity(0, sizeof(usable), &usable) == 0) {
    return std::max(1U, static_cast<uint32_t>(CPU_COUNT(&usable)));
  }
  return std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace gischat::base
