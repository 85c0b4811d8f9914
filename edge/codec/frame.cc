#include "edge/codec/frame.h"

namespace gischat::edge::codec {
namespace {

constexpr char kFinalText = static_cast<char>(0x81);
constexpr char kFinalClose = static_cast<char>(0x88);
constexpr char kFinalPing = static_cast<char>(0x89);

void AppendBigEndian(uint64_t value, int bytes, std::string* out) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out->push_back(static_cast<char>(value >> shift));
  }
}

SharedBytes MakeFrame(char first_byte, std::string_view payload) {
  auto frame = std::make_shared<std::string>();
  frame->reserve(payload.size() + 10);
  frame->push_back(first_byte);
  if (payload.size() < 126) {
    frame->push_back(static_cast<char>(payload.size()));
  } else if (payload.size() <= 0xFFFF) {
    frame->push_back(126);
    AppendBigEndian(payload.size(), 2, frame.get());
  } else {
    frame->push_back(127);
    AppendBigEndian(payload.size(), 8, frame.get());
  }
  frame->append(payload);
  return frame;
}

}  // namespace

SharedBytes MakeTextFrame(std::string_view text) { return MakeFrame(kFinalText, text); }

SharedBytes MakeCloseFrame(uint16_t code, std::string_view reason) {
  std::string payload;
  AppendBigEndian(code, 2, &payload);
  payload.append(reason);
  return MakeFrame(kFinalClose, payload);
}

bool IsCloseFrame(std::string_view bytes) { return !bytes.empty() && bytes.front() == kFinalClose; }

const SharedBytes& PingFrame() {
  static const SharedBytes frame = MakeFrame(kFinalPing, {});
  return frame;
}

}  // namespace gischat::edge::codec
