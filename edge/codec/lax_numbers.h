#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

// Numbers as the servers in use accept them from text.
namespace gischat::edge::codec {

// A decimal number: surrounding blanks, a sign, an exponent, ".5", "1." and single underscores
// between digits are allowed; hexadecimal, commas, NaN and infinities are not. Nothing when the
// text is no such number or its value is beyond the range of doubles.
std::optional<double> ReadLaxFloat(std::string_view text);

// A decimal integer of 64 bits: surrounding blanks, a sign and single underscores are allowed.
std::optional<int64_t> ReadLaxInteger(std::string_view text);

}  // namespace gischat::edge::codec
