#pragma once

#include <cstdint>

#include "absl/status/status.h"

namespace gischat::moderation {

// Starts ImageMagick in this process, with our policy (policy.xml): six formats, no delegates, one
// thread per image, no pixels on disks, and memory for `workers` images of `max_pixels` at once.
// Call before the first image, from one thread, while no other thread reads the environment.
// Further calls only widen the limits. kFailedPrecondition, in words for an operator, when the
// policy can't be put in force or a format is missing.
absl::Status StartImageLibrary(uint64_t workers, uint64_t max_pixels);

}  // namespace gischat::moderation
