#include "edge/codec/lax_numbers.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string>

namespace gischat::edge::codec {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::string_view WithoutBlanks(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\n\r\v\f";
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// The text without its underscores, each of which must stand between two digits.
std::optional<std::string> WithoutUnderscores(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      plain.push_back(text[i]);
      continue;
    }
    const bool between_digits =
        i > 0 && i + 1 < text.size() && IsDigit(text[i - 1]) && IsDigit(text[i + 1]);
    if (!between_digits) return std::nullopt;
  }
  return plain;
}

// std::from_chars takes a minus but no plus.
std::string_view WithoutPlus(std::string_view text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  return text;
}

}  // namespace

std::optional<double> ReadLaxFloat(std::string_view text) {
  const std::optional<std::string> plain = WithoutUnderscores(WithoutBlanks(text));
  if (!plain || plain->find_first_not_of("0123456789+-.eE") != std::string::npos) {
    return std::nullopt;
  }
  const std::string_view digits = WithoutPlus(*plain);
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (end != digits.data() + digits.size() || digits.empty()) return std::nullopt;
  // Out of range is told for numbers too near to zero as well; strtod() tells the two apart.
  if (error == std::errc::result_out_of_range) {
    value = std::strtod(std::string(digits).c_str(), nullptr);
  } else if (error != std::errc()) {
    return std::nullopt;
  }
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<int64_t> ReadLaxInteger(std::string_view text) {
  const std::optional<std::string> plain = WithoutUnderscores(WithoutBlanks(text));
  if (!plain) return std::nullopt;
  const std::string_view digits = WithoutPlus(*plain);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

}  // namespace gischat::edge::codec
