#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gischat::base {

// Whether `text` is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool IsUtf8(std::string_view text);

// Code points in well-formed UTF-8. O(n).
size_t CountCodePoints(std::string_view text);

// The first `count` code points of well-formed UTF-8.
std::string_view FirstCodePoints(std::string_view text, size_t count);

// `text` in quotes for a sentence that a person reads, cut to 40 code points.
std::string Quote(std::string_view text);

}  // namespace gischat::base
