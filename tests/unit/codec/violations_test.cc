#include "edge/codec/violations.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace gischat::edge::codec {
namespace {

TEST(Violations, JoinsSentences) {
  Violations violations;
  EXPECT_EQ(JoinWords(violations), "");
  violations.Add()->set_words("text: required");
  EXPECT_EQ(JoinWords(violations), "text: required");
  violations.Add()->set_words("author: required");
  EXPECT_EQ(JoinWords(violations), "text: required; author: required");
}

TEST(Violations, EveryCodeHasALabelOfItsOwn) {
  std::set<std::string> labels;
  for (int code = Violation::Code_MIN + 1; code <= Violation::Code_MAX; ++code) {
    ASSERT_TRUE(Violation::Code_IsValid(code));
    const std::string label(CodeLabel(static_cast<Violation::Code>(code)));
    EXPECT_NE(label, "unspecified") << code;
    EXPECT_TRUE(labels.insert(label).second) << label;
  }
  EXPECT_EQ(CodeLabel(Violation::TOO_LONG), "too_long");
}

}  // namespace
}  // namespace gischat::edge::codec
