#include "services/moderation/base64.h"

#include <gtest/gtest.h>

namespace gischat::moderation {
namespace {

TEST(Base64, DecodesWhatItEncodes) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(DecodeBase64(EncodeBase64(bytes)), bytes);
    bytes.push_back(static_cast<char>(i * 7));
  }
}

TEST(Base64, KnowsTheExamplesOfTheStandard) {
  EXPECT_EQ(EncodeBase64("foob"), "Zm9vYg==");
  EXPECT_EQ(DecodeBase64("Zm9vYg=="), "foob");
  EXPECT_EQ(DecodeBase64("Zm9vYmE="), "fooba");
  EXPECT_EQ(DecodeBase64("+/+/"), "\xFB\xFF\xBF");
  EXPECT_EQ(DecodeBase64(""), "");
}

TEST(Base64, RefusesAnythingElse) {
  for (const std::string text : {"Z", "Zm", "Zm9", "Zm9vY", "Zm9vYg=", "Zm9vYg", "Zm9v\n",
                                 "Zm9vYg==\n", "Zm 9v===", "====", "=m9v", "Z===", "Zm=v",
                                 "Zg==Zg==", "-_-_", "Zm9\x80", "data:image/png;base64,Zm9v"}) {
    EXPECT_EQ(DecodeBase64(text), std::nullopt) << text;
  }
  EXPECT_EQ(DecodeBase64(std::string("Zm\0v", 4)), std::nullopt);
}

}  // namespace
}  // namespace gischat::moderation
