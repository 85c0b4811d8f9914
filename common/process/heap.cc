#include "common/process/heap.h"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "common/base/cores.h"

namespace gischat::process {
namespace {

size_t ResidentBytes() {
  size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> pages;
  return pages * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

Heap::Heap(boost::asio::io_context& loop, std::chrono::milliseconds interval, size_t spare)
    : interval_(interval), spare_(spare), timer_(loop) {
  mallopt(M_ARENA_MAX, static_cast<int>(std::max(2U, base::UsableCores())));
  mallopt(M_MXFAST, 0);
}

void Heap::Start() {
  timer_.expires_after(interval_);
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    Look();
    Start();
  });
}

void Heap::Look() {
  const struct mallinfo2 info = mallinfo2();
  const size_t resident = ResidentBytes();
  const size_t in_use = info.uordblks + info.hblkhd;
  const size_t before = unused_;
  unused_ = resident > in_use ? resident - in_use : 0;
  if (std::min(before, unused_) > spare_) malloc_trim(0);
}

}  // namespace gischat::process
