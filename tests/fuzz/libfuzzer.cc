// What libFuzzer calls.

#include <sys/time.h>

#include <csignal>
#include <cstdint>

#include "tests/fuzz/fuzzing.h"

namespace {

// Of processor time for one input, of at most some hundred kB: nothing may take more than its size
// justifies. libFuzzer's own limit is by the wall clock, on which a busy machine has a say.
constexpr time_t kMostSeconds = 10;

// Sends SIGPROF after so much processor time of this process; 0: never.
void Limit(time_t seconds) {
  const itimerval timer = {.it_interval = {}, .it_value = {.tv_sec = seconds, .tv_usec = 0}};
  setitimer(ITIMER_PROF, &timer, nullptr);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::signal(SIGPROF, [](int) { gischat::fuzz::Require(false, "no input takes long"); });
  Limit(kMostSeconds);
  gischat::fuzz::TakeInput({reinterpret_cast<const char*>(data), size});
  Limit(0);
  return 0;
}
