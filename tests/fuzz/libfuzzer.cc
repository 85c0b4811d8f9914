// What libFuzzer calls.

#include <cstdint>

#include "tests/fuzz/fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  gischat::fuzz::TakeInput({reinterpret_cast<const char*>(data), size});
  return 0;
}
