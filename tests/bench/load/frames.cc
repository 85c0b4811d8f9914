#include "tests/bench/load/frames.h"

#include <array>
#include <cstddef>

namespace gischat::bench {
namespace {

// Reads a big-endian number.
uint64_t ReadNumber(std::string_view bytes) {
  uint64_t number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<uint8_t>(byte);
  return number;
}

void AppendNumber(uint64_t number, int bytes, std::string& out) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(number >> shift & 0xff));
  }
}

}  // namespace

bool TakeFrame(std::string_view& bytes, Frame& frame) {
  if (bytes.size() < 2) return false;
  size_t header = 2;
  uint64_t length = static_cast<uint8_t>(bytes[1]) & 0x7f;
  if (length >= 126) {
    const size_t extra = length == 126 ? 2 : 8;
    if (bytes.size() < header + extra) return false;
    length = ReadNumber(bytes.substr(header, extra));
    header += extra;
  }
  if (bytes.size() - header < length) return false;
  frame.opcode = static_cast<Opcode>(static_cast<uint8_t>(bytes[0]) & 0x0f);
  frame.payload = bytes.substr(header, length);
  bytes.remove_prefix(header + length);
  return true;
}

std::string MaskedFrame(Opcode opcode, std::string_view payload, uint32_t seed) {
  std::string frame;
  frame.reserve(payload.size() + 14);
  frame.push_back(static_cast<char>(0x80 | static_cast<uint8_t>(opcode)));
  if (payload.size() < 126) {
    frame.push_back(static_cast<char>(0x80 | payload.size()));
  } else if (payload.size() < 65536) {
    frame.push_back(static_cast<char>(0x80 | 126));
    AppendNumber(payload.size(), 2, frame);
  } else {
    frame.push_back(static_cast<char>(0x80 | 127));
    AppendNumber(payload.size(), 8, frame);
  }
  std::string key;
  AppendNumber(seed * uint64_t{2654435761}, 4, key);
  frame += key;
  for (size_t i = 0; i < payload.size(); ++i) {
    frame.push_back(static_cast<char>(payload[i] ^ key[i % 4]));
  }
  return frame;
}

}  // namespace gischat::bench
