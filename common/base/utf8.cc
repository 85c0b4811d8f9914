#include "common/base/utf8.h"

#include <algorithm>
#include <cstdint>

namespace gischat::base {
namespace {

bool IsContinuation(char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; }

// Length of the well-formed sequence at the beginning of `text`, 0 when there is none.
size_t SequenceLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  size_t length = 0;
  uint8_t lowest = 0x80;
  uint8_t highest = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) lowest = 0xA0;
    if (lead == 0xED) highest = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) lowest = 0x90;
    if (lead == 0xF4) highest = 0x8F;
  } else {
    return 0;
  }
  if (text.size() < length || byte(1) < lowest || byte(1) > highest) return 0;
  for (size_t i = 2; i < length; ++i) {
    if (!IsContinuation(text[i])) return 0;
  }
  return length;
}

}  // namespace

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = SequenceLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

size_t CountCodePoints(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !IsContinuation(c); }));
}

std::string_view FirstCodePoints(std::string_view text, size_t count) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (!IsContinuation(text[i]) && count-- == 0) return text.substr(0, i);
  }
  return text;
}

std::string Quote(std::string_view text) {
  constexpr size_t kQuotedCodePoints = 40;
  const std::string_view head = FirstCodePoints(text, kQuotedCodePoints);
  std::string quoted = "'";
  quoted.append(head);
  if (head.size() < text.size()) quoted.append("…");
  quoted.push_back('\'');
  return quoted;
}

}  // namespace gischat::base
