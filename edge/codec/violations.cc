#include "edge/codec/violations.h"

namespace gischat::edge::codec {

std::string JoinWords(const Violations& violations) {
  std::string reason;
  for (const Violation& violation : violations) {
    if (!reason.empty()) reason.append("; ");
    reason.append(violation.words());
  }
  return reason;
}

std::string_view CodeLabel(Violation::Code code) {
  switch (code) {
    case Violation::MISSING:
      return "missing";
    case Violation::NOT_A_STRING:
      return "not_a_string";
    case Violation::NOT_A_NUMBER:
      return "not_a_number";
    case Violation::NOT_A_UUID:
      return "not_a_uuid";
    case Violation::WRONG_UUID_TYPE:
      return "wrong_uuid_type";
    case Violation::FRACTIONAL_INTEGER:
      return "fractional_integer";
    case Violation::UNREADABLE_INTEGER:
      return "unreadable_integer";
    case Violation::WRONG_INTEGER_TYPE:
      return "wrong_integer_type";
    case Violation::TOO_SHORT:
      return "too_short";
    case Violation::TOO_LONG:
      return "too_long";
    case Violation::BAD_CHARACTERS:
      return "bad_characters";
    case Violation::NOT_A_FEATURE_COLLECTION:
      return "not_a_feature_collection";
    case Violation::TOO_MANY_FEATURES:
      return "too_many_features";
    case Violation::BAD_IMAGE:
      return "bad_image";
    case Violation::UNKNOWN_TYPE:
      return "unknown_type";
    default:
      return "unspecified";
  }
}

}  // namespace gischat::edge::codec
