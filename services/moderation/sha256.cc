#include "services/moderation/sha256.h"

#include <openssl/evp.h>

namespace gischat::moderation {

std::optional<Sha256Digest> Sha256(std::string_view bytes) {
  Sha256Digest digest{};
  unsigned int length = 0;
  const int done =
      EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr);
  if (done != 1 || length != digest.size()) return std::nullopt;
  return digest;
}

}  // namespace gischat::moderation
