#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gischat::moderation {

// Decodes base64 in its strict form: the standard alphabet, padded, no blanks or line breaks.
// Nothing for anything else.
std::optional<std::string> DecodeBase64(std::string_view text);

// Encodes with the standard alphabet, padded.
std::string EncodeBase64(std::string_view bytes);

}  // namespace gischat::moderation
