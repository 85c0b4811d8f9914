#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gischat::tests {

// One frame from a server (RFC 6455): unmasked.
struct WebSocketFrame {
  int opcode = 0;  // 1: text, 8: close, 9: ping, 10: pong
  bool final = false;
  bool deflated = false;  // the payload is compressed (permessage-deflate)
  std::string payload;

  // Of a close frame; 0 when it has none.
  int close_code() const {
    if (opcode != 8 || payload.size() < 2) return 0;
    return static_cast<uint8_t>(payload[0]) << 8 | static_cast<uint8_t>(payload[1]);
  }
};

// Takes the first whole frame off the front of `bytes`. False when there is none yet.
inline bool TakeFrame(std::string_view* bytes, WebSocketFrame* frame) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>((*bytes)[i]); };
  if (bytes->size() < 2) return false;
  uint64_t length = byte(1) & 0x7F;
  size_t header = 2;
  const size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
  if (bytes->size() < header + extended) return false;
  if (extended > 0) {
    length = 0;
    for (size_t i = 0; i < extended; ++i) length = length << 8 | byte(header + i);
    header += extended;
  }
  if (bytes->size() - header < length) return false;
  frame->opcode = byte(0) & 0x0F;
  frame->final = (byte(0) & 0x80) != 0;
  frame->deflated = (byte(0) & 0x40) != 0;
  frame->payload.assign(bytes->substr(header, length));
  bytes->remove_prefix(header + length);
  return true;
}

// A frame of a client: masked. `opcode`: 0 goes on with a message, 1: text, 2: binary, 8: close, 9:
// ping, 10: pong.
inline std::string ClientFrame(int opcode, std::string_view payload, bool final = true) {
  std::string frame;
  frame.push_back(static_cast<char>((final ? 0x80 : 0) | opcode));
  const auto append_size = [&](int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
      frame.push_back(static_cast<char>(payload.size() >> shift));
    }
  };
  if (payload.size() < 126) {
    frame.push_back(static_cast<char>(0x80 | payload.size()));
  } else if (payload.size() <= 0xFFFF) {
    frame.push_back(static_cast<char>(0xFE));
    append_size(2);
  } else {
    frame.push_back(static_cast<char>(0xFF));
    append_size(8);
  }
  constexpr std::string_view kMask = "\x12\x34\x56\x78";
  frame.append(kMask);
  for (size_t i = 0; i < payload.size(); ++i) {
    frame.push_back(static_cast<char>(payload[i] ^ kMask[i % kMask.size()]));
  }
  return frame;
}

// The texts in whole frames that follow each other.
inline std::vector<std::string> PayloadsOf(std::string_view frames) {
  std::vector<std::string> payloads;
  WebSocketFrame read;
  while (TakeFrame(&frames, &read)) payloads.push_back(read.payload);
  if (!frames.empty()) payloads.emplace_back("not a whole frame");
  return payloads;
}

// The text in a whole frame.
inline std::string PayloadOf(std::string_view frame) {
  const std::vector<std::string> payloads = PayloadsOf(frame);
  return payloads.size() == 1 ? payloads[0] : "not one frame";
}

}  // namespace gischat::tests
