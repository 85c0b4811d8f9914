#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gischat::base {

// 64 random bits, never 0. Thread-safe.
uint64_t RandomNumber();

// A random UUID (RFC 4122 version 4), canonical: lower case, with hyphens. Thread-safe.
std::string RandomUuid();

// Reads a UUID in any spelling that clients use: hyphenated, 32 hexadecimal digits, `urn:uuid:` in
// front, or in braces, in any case. Returns the canonical form, or nothing.
std::optional<std::string> CanonicalUuid(std::string_view text);

}  // namespace gischat::base
