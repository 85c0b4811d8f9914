#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
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

// How one WebSocket frame begins, as a server sends it: not masked.
struct FrameStart {
  Opcode opcode = Opcode::kText;
  size_t header = 0;    // bytes before the payload
  uint64_t length = 0;  // of the payload
};

// Reads the beginning of a frame. Nothing when its header is not whole yet.
std::optional<FrameStart> ReadFrameStart(std::string_view bytes);

// One whole frame.
struct Frame {
  Opcode opcode = Opcode::kText;
  std::string_view payload;  // points into what was scanned
};

// Takes the first whole frame off `bytes`. False when there is none yet: `bytes` is as before.
bool TakeFrame(std::string_view& bytes, Frame& frame);

// Appends a frame as a client sends it: final, masked with a key made of `seed`.
void AppendMaskedFrame(Opcode opcode, std::string_view payload, uint32_t seed, std::string& out);

}  // namespace gischat::bench
