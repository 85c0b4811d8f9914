#include "services/moderation/sha256.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "absl/strings/escaping.h"

namespace gischat::moderation {
namespace {

std::string Hex(std::string_view bytes) {
  const std::optional<Sha256Digest> digest = Sha256(bytes);
  if (!digest) return "none";
  return absl::BytesToHexString({reinterpret_cast<const char*>(digest->data()), digest->size()});
}

// The first three vectors of FIPS 180-2, appendix B, and nothing at all.
TEST(Sha256, GivesTheDigestsOfTheStandard) {
  EXPECT_EQ(Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(Hex(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

}  // namespace
}  // namespace gischat::moderation
