#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace gischat::moderation {

// What an image file says about itself, found without decoding a pixel.
struct ImageFile {
  std::string coder;  // "PNG", "JPEG", "GIF", "WEBP", "BMP" or "TIFF"

  // Pixels of the whole picture as a viewer shows it, before it is turned as EXIF asks. Never 0.
  uint64_t width = 0;
  uint64_t height = 0;

  // How the picture wants to be turned: 1 (not at all) to 8, as EXIF numbers it.
  int orientation = 1;

  // Where the first frame of an animation stands in the picture.
  uint64_t frame_left = 0;
  uint64_t frame_top = 0;

  // The first frame as a file of its own, for formats whose decoder would read all frames. Empty:
  // decode the given file.
  std::string first_frame{};

  // The file without metadata that the decoder would stumble over. Empty: decode the given file.
  std::string without_metadata{};

  // Bytes that the decoder needs beside the pixels that it yields, when that is more than 8 for
  // each of them; 0 otherwise.
  uint64_t working_bytes = 0;
};

// Tells the format by the first bytes, and walks through the structure of the whole file.
// kInvalidArgument, saying what is wrong, when the format is none of the six, when the structure is
// broken or cut short, or when the file promises its decoder more work than its pixels justify.
// Takes time linear in the size of the file and almost no memory.
absl::StatusOr<ImageFile> InspectImageFile(std::string_view bytes);

}  // namespace gischat::moderation
