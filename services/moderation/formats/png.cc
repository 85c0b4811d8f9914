#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "services/moderation/formats/exif.h"
#include "services/moderation/formats/formats.h"
#include "services/moderation/formats/reader.h"

namespace gischat::moderation::formats {
namespace {

// What says how the picture looks. All else is kept from the decoder: ImageMagick 6 never gives
// back the memory of an EXIF chunk that is broken, as large as the file may be.
constexpr std::array<std::string_view, 9> kPictureChunks = {"IHDR", "PLTE", "tRNS", "IDAT", "IEND",
                                                            "gAMA", "cHRM", "sRGB", "iCCP"};

bool BelongsToPicture(std::string_view type) {
  return std::find(kPictureChunks.begin(), kPictureChunks.end(), type) != kPictureChunks.end();
}

// A file without some of its parts.
class Selection {
 public:
  explicit Selection(std::string_view file) : file_(file) {}

  void LeaveOut(size_t begin, size_t end) {
    kept_.append(file_.substr(begin_, begin - begin_));
    begin_ = end;
  }
  // Empty when nothing was left out.
  std::string Take() {
    if (begin_ > 0) kept_.append(file_.substr(begin_));
    return std::move(kept_);
  }

 private:
  std::string_view file_;
  std::string kept_;
  size_t begin_ = 0;  // of what comes next
};

}  // namespace

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
  Selection picture(bytes);
  while (!reader.failed()) {
    const size_t begin = reader.at();
    const uint32_t length = reader.Number32();
    const std::string_view type = reader.Take(4);
    const std::string_view content = reader.Take(length);
    reader.Skip(kCrc);
    if (reader.failed()) break;
    if (type == "IHDR") return absl::InvalidArgumentError("PNG: two headers");
    if (type == "IDAT") has_pixels = true;
    if (type == "eXIf") file.orientation = ReadOrientation(content);
    if (!BelongsToPicture(type)) picture.LeaveOut(begin, reader.at());
    if (type != "IEND") continue;
    if (!has_pixels) return absl::InvalidArgumentError("PNG: no image data");
    file.without_metadata = picture.Take();
    return file;
  }
  return absl::InvalidArgumentError("PNG: ends before its end chunk");
}

}  // namespace gischat::moderation::formats
