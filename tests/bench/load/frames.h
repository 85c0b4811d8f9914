#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gischat::bench {

enum class Opcode : uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10
};

// One WebSocket frame as a server sends it: not masked.
struct Frame {
  Opcode opcode = Opcode::kText;
  std::string_view payload;  // points into what was scanned
};

// Takes the first whole frame off `bytes`. False when there is none yet: `bytes` is as before.
bool TakeFrame(std::string_view& bytes, Frame& frame);

// A frame as a client sends it: final, masked with a key made of `seed`.
std::string MaskedFrame(Opcode opcode, std::string_view payload, uint32_t seed);

}  // namespace gischat::bench
