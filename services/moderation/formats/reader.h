#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gischat::moderation::formats {

// Reads numbers from bytes, one after the other. A read past the end yields 0 or nothing and makes
// failed() true for ever, so that a walk checks once per step instead of once per number.
class Reader {
 public:
  enum class Order { kLittle, kBig };

  Reader(std::string_view bytes, Order order) : bytes_(bytes), order_(order) {}

  uint8_t Number8() { return static_cast<uint8_t>(Number(1)); }
  uint16_t Number16() { return static_cast<uint16_t>(Number(2)); }
  uint32_t Number24() { return static_cast<uint32_t>(Number(3)); }
  uint32_t Number32() { return static_cast<uint32_t>(Number(4)); }
  uint64_t Number64() { return Number(8); }

  std::string_view Take(uint64_t count) {
    if (count > left()) failed_ = true;
    if (failed_) return {};
    const std::string_view taken = bytes_.substr(at_, count);
    at_ += count;
    return taken;
  }
  void Skip(uint64_t count) { Take(count); }
  void MoveTo(uint64_t position) {
    if (position > bytes_.size()) failed_ = true;
    if (!failed_) at_ = position;
  }

  size_t at() const { return at_; }
  size_t left() const { return bytes_.size() - at_; }
  bool failed() const { return failed_; }

 private:
  uint64_t Number(size_t width) {
    const std::string_view digits = Take(width);
    uint64_t number = 0;
    for (size_t i = 0; i < digits.size(); ++i) {
      const size_t from = order_ == Order::kBig ? i : digits.size() - 1 - i;
      number = number << 8 | static_cast<uint8_t>(digits[from]);
    }
    return number;
  }

  std::string_view bytes_;
  Order order_;
  size_t at_ = 0;
  bool failed_ = false;
};

}  // namespace gischat::moderation::formats
