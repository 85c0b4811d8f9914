#include "tests/bench/load/frames.h"

#include <array>
#include <cstring>

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

// Eight bytes at a time: the key repeats every four.
void Mask(char* bytes, size_t length, const char* key) {
  std::array<char, 8> pattern{};
  for (size_t i = 0; i < pattern.size(); ++i) pattern[i] = key[i % 4];
  uint64_t mask = 0;
  std::memcpy(&mask, pattern.data(), sizeof mask);
  size_t at = 0;
  for (; at + sizeof mask <= length; at += sizeof mask) {
    uint64_t word = 0;
    std::memcpy(&word, bytes + at, sizeof word);
    word ^= mask;
    std::memcpy(bytes + at, &word, sizeof word);
  }
  for (; at < length; ++at) bytes[at] = static_cast<char>(bytes[at] ^ pattern[at % 4]);
}

}  // namespace

std::optional<FrameStart> ReadFrameStart(std::string_view bytes) {
  if (bytes.size() < 2) return std::nullopt;
  FrameStart start;
  start.opcode = static_cast<Opcode>(static_cast<uint8_t>(bytes[0]) & 0x0f);
  start.header = 2;
  start.length = static_cast<uint8_t>(bytes[1]) & 0x7f;
  if (start.length < 126) return start;
  const size_t extra = start.length == 126 ? 2 : 8;
  if (bytes.size() < start.header + extra) return std::nullopt;
  start.length = ReadNumber(bytes.substr(start.header, extra));
  start.header += extra;
  return start;
}

bool TakeFrame(std::string_view& bytes, Frame& frame) {
  const std::optional<FrameStart> start = ReadFrameStart(bytes);
  if (!start || bytes.size() - start->header < start->length) return false;
  frame.opcode = start->opcode;
  frame.payload = bytes.substr(start->header, start->length);
  bytes.remove_prefix(start->header + start->length);
  return true;
}

void AppendMaskedFrame(Opcode opcode, std::string_view payload, uint32_t seed, std::string& out) {
  out.reserve(out.size() + payload.size() + 14);
  out.push_back(static_cast<char>(0x80 | static_cast<uint8_t>(opcode)));
  if (payload.size() < 126) {
    out.push_back(static_cast<char>(0x80 | payload.size()));
  } else if (payload.size() < 65536) {
    out.push_back(static_cast<char>(0x80 | 126));
    AppendNumber(payload.size(), 2, out);
  } else {
    out.push_back(static_cast<char>(0x80 | 127));
    AppendNumber(payload.size(), 8, out);
  }
  const size_t key = out.size();
  AppendNumber(seed * uint64_t{2654435761}, 4, out);
  out += payload;
  const std::array<char, 4> copy = {out[key], out[key + 1], out[key + 2], out[key + 3]};
  Mask(out.data() + key + 4, payload.size(), copy.data());
}

}  // namespace gischat::bench
