// What libFuzzer calls.

#include <cstdint>
#include <ctime>

#include "tests/fuzz/fuzzing.h"

namespace {

// Of processor time for one input, of at most some hundred kB: nothing may take more than its size
// justifies. libFuzzer's own limit is by the wall clock, on which a busy machine has a say.
constexpr std::clock_t kMostSeconds = 10;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::clock_t began = std::clock();
  gischat::fuzz::TakeInput({reinterpret_cast<const char*>(data), size});
  gischat::fuzz::Require(std::clock() - began < kMostSeconds * CLOCKS_PER_SEC,
                         "no input takes long");
  return 0;
}
