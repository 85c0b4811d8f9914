#include "services/moderation/base64.h"

#include <array>
#include <cstdint>

#include "absl/strings/escaping.h"

namespace gischat::moderation {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint32_t kNoDigit = 64;

constexpr std::array<uint8_t, 256> MakeDigits() {
  std::array<uint8_t, 256> digits{};
  for (auto& digit : digits) digit = kNoDigit;
  for (size_t i = 0; i < kAlphabet.size(); ++i) {
    digits[static_cast<uint8_t>(kAlphabet[i])] = static_cast<uint8_t>(i);
  }
  return digits;
}

constexpr std::array<uint8_t, 256> kDigits = MakeDigits();

uint32_t Digit(char c) { return kDigits[static_cast<uint8_t>(c)]; }

}  // namespace

std::optional<std::string> DecodeBase64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (size_t i = 0; i < text.size(); i += 4) {
    const size_t missing = i + 4 == text.size() ? padding : 0;
    const uint32_t third = missing == 2 ? 0 : Digit(text[i + 2]);
    const uint32_t fourth = missing > 0 ? 0 : Digit(text[i + 3]);
    const uint32_t first = Digit(text[i]);
    const uint32_t second = Digit(text[i + 1]);
    if (((first | second | third | fourth) & kNoDigit) != 0) return std::nullopt;
    const uint32_t bits = first << 18 | second << 12 | third << 6 | fourth;
    bytes.push_back(static_cast<char>(bits >> 16));
    if (missing < 2) bytes.push_back(static_cast<char>(bits >> 8 & 0xFF));
    if (missing < 1) bytes.push_back(static_cast<char>(bits & 0xFF));
  }
  return bytes;
}

std::string EncodeBase64(std::string_view bytes) {
  std::string text;
  absl::Base64Escape(absl::string_view(bytes.data(), bytes.size()), &text);
  return text;
}

}  // namespace gischat::moderation
