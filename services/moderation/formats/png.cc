#include "services/moderation/formats/exif.h"
#include "services/moderation/formats/formats.h"
#include "services/moderation/formats/reader.h"

namespace gischat::moderation::formats {

absl::StatusOr<ImageFile> InspectPng(std::string_view bytes) {
  constexpr size_t kSignature = 8;
  constexpr size_t kCrc = 4;
  Reader reader(bytes, Reader::Order::kBig);
  reader.Skip(kSignature);
  ImageFile file{.coder = "PNG"};
  if (reader.Number32() != 13 || reader.Take(4) != "IHDR") {
    return absl::InvalidArgumentError("PNG: does not begin with its header");
  }
  file.width = reader.Number32();
  file.height = reader.Number32();
  reader.Skip(13 - 8 + kCrc);
  bool has_pixels = false;
  while (!reader.failed()) {
    const uint32_t length = reader.Number32();
    const std::string_view type = reader.Take(4);
    const std::string_view content = reader.Take(length);
    reader.Skip(kCrc);
    if (reader.failed()) break;
    if (type == "IHDR") return absl::InvalidArgumentError("PNG: two headers");
    if (type == "IDAT") has_pixels = true;
    if (type == "eXIf") file.orientation = ReadOrientation(content);
    if (type != "IEND") continue;
    if (!has_pixels) return absl::InvalidArgumentError("PNG: no image data");
    return file;
  }
  return absl::InvalidArgumentError("PNG: ends before its end chunk");
}

}  // namespace gischat::moderation::formats
