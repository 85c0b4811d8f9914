#include "services/moderation/formats/exif.h"
#include "services/moderation/formats/formats.h"
#include "services/moderation/formats/reader.h"

namespace gischat::moderation::formats {
namespace {

constexpr uint8_t kEndOfImage = 0xD9;
constexpr uint8_t kStartOfScan = 0xDA;

// A progressive file of a camera or an editor has about ten scans. Each costs the decoder a pass
// over all the pixels, however few bytes it takes in the file.
constexpr int kMostScans = 100;

bool IsExif(uint8_t marker, std::string_view content) {
  return marker == 0xE1 && content.substr(0, 6) == std::string_view("Exif\0\0", 6);
}

bool StandsAlone(uint8_t marker) { return marker == 0x01 || (marker >= 0xD0 && marker <= 0xD8); }

bool IsFrame(uint8_t marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

bool IsPartOfScan(uint8_t after_ff) {
  return after_ff == 0x00 || (after_ff >= 0xD0 && after_ff <= 0xD7);
}

// Moves behind the next marker and returns it; 0 when there is none. Skips what is not a marker,
// as decoders do.
uint8_t NextMarker(std::string_view bytes, Reader& reader) {
  while (!reader.failed()) {
    const size_t ff = bytes.find('\xFF', reader.at());
    if (ff == std::string_view::npos) return 0;
    reader.MoveTo(ff + 1);
    uint8_t marker = reader.Number8();
    while (marker == 0xFF) marker = reader.Number8();
    if (!IsPartOfScan(marker)) return marker;
  }
  return 0;
}

}  // namespace

absl::StatusOr<ImageFile> InspectJpeg(std::string_view bytes) {
  Reader reader(bytes, Reader::Order::kBig);
  reader.Skip(2);
  ImageFile file{.coder = "JPEG"};
  int scans = 0;
  while (const uint8_t marker = NextMarker(bytes, reader)) {
    if (marker == kEndOfImage) {
      if (scans == 0 || file.width == 0) return absl::InvalidArgumentError("JPEG: no image data");
      return file;
    }
    if (StandsAlone(marker)) continue;
    const uint16_t length = reader.Number16();
    if (length < 2) return absl::InvalidArgumentError("JPEG: impossible segment");
    const std::string_view content = reader.Take(length - 2U);
    if (IsFrame(marker)) {
      if (file.width != 0) return absl::InvalidArgumentError("JPEG: two frames");
      Reader frame(content, Reader::Order::kBig);
      frame.Skip(1);  // bits per sample
      file.height = frame.Number16();
      file.width = frame.Number16();
    }
    if (marker == kStartOfScan && ++scans > kMostScans) {
      return absl::InvalidArgumentError("JPEG: too many scans");
    }
    if (IsExif(marker, content)) file.orientation = ReadOrientation(content.substr(6));
  }
  return absl::InvalidArgumentError("JPEG: ends before its end marker");
}

}  // namespace gischat::moderation::formats
