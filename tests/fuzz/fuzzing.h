#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

// What the fuzz targets share. A target is one file with one function, TakeInput(). libFuzzer calls
// it (libfuzzer.cc), or a test for each file of the target's corpus (replay_main.cc).
namespace gischat::fuzz {

// Takes any bytes: does with them what the product does, and requires what the product promises.
void TakeInput(std::string_view input);

// Ends the process, and keeps the input, when a promise is broken.
inline void Require(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

// The input with what stands between the first two of its marks repeated up to so many bytes. So
// small inputs become large, and work that grows faster than its input is found (libfuzzer.cc).
inline std::string Expand(std::string_view input, size_t large = 256 << 10) {
  constexpr std::string_view kMark = "~repeat~";
  const size_t first = input.find(kMark);
  if (first == std::string_view::npos) return std::string(input);
  const size_t begin = first + kMark.size();
  const size_t end = input.find(kMark, begin);
  if (end == std::string_view::npos || end == begin) return std::string(input);
  const std::string_view repeated = input.substr(begin, end - begin);
  std::string expanded(input.substr(0, first));
  while (expanded.size() + repeated.size() < large) expanded.append(repeated);
  expanded.append(input.substr(end + kMark.size()));
  return expanded;
}

}  // namespace gischat::fuzz
