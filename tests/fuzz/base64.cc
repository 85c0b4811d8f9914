// Base64 of images.

#include "services/moderation/base64.h"

#include <algorithm>

#include "tests/fuzz/fuzzing.h"

namespace gischat::fuzz {

void TakeInput(std::string_view bytes) {
  using moderation::DecodeBase64;
  using moderation::EncodeBase64;
  Require(DecodeBase64(EncodeBase64(bytes)) == bytes, "encoding is undone");
  const auto decoded = DecodeBase64(bytes);
  if (!decoded) return;
  const std::string encoded = EncodeBase64(*decoded);
  Require(encoded.size() == bytes.size(), "nothing but base64 is decoded");
  // All but the bits of the last digit that no byte needs.
  const size_t sure = bytes.size() - std::min<size_t>(bytes.size(), 4);
  Require(encoded.substr(0, sure) == bytes.substr(0, sure), "decoding is undone");
}

}  // namespace gischat::fuzz
