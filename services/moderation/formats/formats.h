#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "services/moderation/image_file.h"

// One walk for each format; see InspectImageFile. Each takes a file that begins with the signature
// of its format.
namespace gischat::moderation::formats {

absl::StatusOr<ImageFile> InspectBmp(std::string_view bytes);
absl::StatusOr<ImageFile> InspectGif(std::string_view bytes);
absl::StatusOr<ImageFile> InspectJpeg(std::string_view bytes);
absl::StatusOr<ImageFile> InspectPng(std::string_view bytes);
absl::StatusOr<ImageFile> InspectTiff(std::string_view bytes);
absl::StatusOr<ImageFile> InspectWebp(std::string_view bytes);

}  // namespace gischat::moderation::formats
