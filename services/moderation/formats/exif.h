#pragma once

#include <string_view>

namespace gischat::moderation::formats {

// The orientation in an EXIF block (from its TIFF header on): 1 to 8 as EXIF numbers them, 1 when
// the block has none or can't be read.
int ReadOrientation(std::string_view exif);

}  // namespace gischat::moderation::formats
