#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <string>
#include <string_view>

#include "gischat/moderation/v1/moderation.pb.h"

namespace gischat::edge::codec {

using moderation::v1::Violation;
using Violations = google::protobuf::RepeatedPtrField<Violation>;

// The sentences of all faults, joined by "; ": the reason that a person reads.
std::string JoinWords(const Violations& violations);

// The code in lower case, e.g. "too_long": a label for metrics.
std::string_view CodeLabel(Violation::Code code);

}  // namespace gischat::edge::codec
