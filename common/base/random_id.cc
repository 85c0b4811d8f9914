#include "common/base/random_id.h"

#include <array>
#include <random>

namespace gischat::base {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr size_t kUuidDigits = 32;

bool IsHyphenPlace(size_t digits_before) {
  return digits_before == 8 || digits_before == 12 || digits_before == 16 || digits_before == 20;
}

std::mt19937_64& Generator() {
  thread_local std::mt19937_64 generator = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }();
  return generator;
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string Spell(const std::array<uint8_t, kUuidDigits>& digits) {
  std::string text;
  text.reserve(kUuidDigits + 4);
  for (size_t i = 0; i < kUuidDigits; ++i) {
    if (IsHyphenPlace(i)) text.push_back('-');
    text.push_back(kHexDigits[digits[i]]);
  }
  return text;
}

}  // namespace

uint64_t RandomNumber() {
  uint64_t number = 0;
  while (number == 0) number = Generator()();
  return number;
}

std::string RandomUuid() {
  std::array<uint8_t, kUuidDigits> digits;
  uint64_t bits = 0;
  for (size_t i = 0; i < kUuidDigits; ++i) {
    if (i % 16 == 0) bits = Generator()();
    digits[i] = static_cast<uint8_t>(bits & 0xF);
    bits >>= 4;
  }
  digits[12] = 4;
  digits[16] = static_cast<uint8_t>(8 | (digits[16] & 3));
  return Spell(digits);
}

std::optional<std::string> CanonicalUuid(std::string_view text) {
  constexpr std::string_view kUrn = "urn:uuid:";
  if (text.size() >= 2 && text.front() == '{' && text.back() == '}') {
    text = text.substr(1, text.size() - 2);
  } else if (text.substr(0, kUrn.size()) == kUrn) {
    text.remove_prefix(kUrn.size());
  }
  const bool hyphenated = text.size() == kUuidDigits + 4;
  if (!hyphenated && text.size() != kUuidDigits) return std::nullopt;
  std::array<uint8_t, kUuidDigits> digits;
  size_t count = 0;
  bool hyphen_due = false;
  for (const char c : text) {
    if (hyphenated && IsHyphenPlace(count) && !hyphen_due) {
      if (c != '-') return std::nullopt;
      hyphen_due = true;
      continue;
    }
    const int value = HexValue(c);
    if (value < 0) return std::nullopt;
    digits[count++] = static_cast<uint8_t>(value);
    hyphen_due = false;
  }
  return Spell(digits);
}

}  // namespace gischat::base
