#include "services/moderation/image_file.h"

#include "absl/strings/str_cat.h"
#include "services/moderation/formats/formats.h"

namespace gischat::moderation {
namespace {

bool StartsWith(std::string_view bytes, std::string_view prefix) {
  return bytes.substr(0, prefix.size()) == prefix;
}

absl::StatusOr<ImageFile> InspectByFormat(std::string_view bytes) {
  using std::literals::operator""sv;
  if (StartsWith(bytes, "\x89PNG\r\n\x1A\n")) return formats::InspectPng(bytes);
  if (StartsWith(bytes, "\xFF\xD8\xFF")) return formats::InspectJpeg(bytes);
  if (StartsWith(bytes, "GIF87a") || StartsWith(bytes, "GIF89a")) return formats::InspectGif(bytes);
  if (StartsWith(bytes, "RIFF") && bytes.substr(8, 4) == "WEBP") return formats::InspectWebp(bytes);
  if (StartsWith(bytes, "BM")) return formats::InspectBmp(bytes);
  if (StartsWith(bytes, "II*\0"sv) || StartsWith(bytes, "MM\0*"sv) ||
      StartsWith(bytes, "II+\0"sv) || StartsWith(bytes, "MM\0+"sv)) {
    return formats::InspectTiff(bytes);
  }
  return absl::InvalidArgumentError("not a PNG, JPEG, GIF, WebP, BMP or TIFF file");
}

}  // namespace

absl::StatusOr<ImageFile> InspectImageFile(std::string_view bytes) {
  if (bytes.size() < 12) return absl::InvalidArgumentError("too short for an image file");
  absl::StatusOr<ImageFile> file = InspectByFormat(bytes);
  if (file.ok() && (file->width == 0 || file->height == 0)) {
    return absl::InvalidArgumentError(absl::StrCat(file->coder, ": no pixels"));
  }
  return file;
}

}  // namespace gischat::moderation
