// Image files: told apart, walked through, decoded and made into clean PNGs, with bounds so low
// that it goes quickly.

#include "services/moderation/image.h"

#include <algorithm>

#include "services/moderation/image_file.h"
#include "services/moderation/image_library.h"
#include "tests/fuzz/fuzzing.h"

namespace gischat::fuzz {
namespace {

using moderation::FitInto;
using moderation::Size;

constexpr uint64_t kSide = 24;
constexpr uint64_t kPixels = 4096;
constexpr size_t kPngSignature = 8;

uint32_t Crc(std::string_view bytes) {
  uint32_t crc = ~0U;
  for (const char c : bytes) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320U : 0);
  }
  return ~crc;
}

uint32_t BigEndian(std::string_view bytes) {
  uint32_t number = 0;
  for (const char c : bytes) number = number << 8 | static_cast<uint8_t>(c);
  return number;
}

// Calls `visit` with where each chunk of a PNG begins and how long its content is, as far as they
// are whole.
template <typename Visit>
void ForEachChunk(std::string_view png, Visit visit) {
  for (size_t at = kPngSignature; png.size() - at >= 12;) {
    const uint32_t length = BigEndian(png.substr(at, 4));
    if (length > png.size() - at - 12) return;
    visit(at, length);
    at += length + 12;
  }
}

// Puts the checksums right: no change of a byte would get past them.
std::string WithChecksums(std::string_view bytes) {
  std::string file(bytes);
  if (!bytes.starts_with("\x89PNG\r\n\x1A\n")) return file;
  ForEachChunk(bytes, [&](size_t at, size_t length) {
    const uint32_t crc = Crc(bytes.substr(at + 4, length + 4));
    for (size_t i = 0; i < 4; ++i) {
      file[at + 8 + length + i] = static_cast<char>(crc >> (24 - 8 * i));
    }
  });
  return file;
}

absl::StatusOr<std::string> Normalise(std::string_view file) {
  static const moderation::ImageNormaliser* const normaliser = [] {
    Require(moderation::StartImageLibrary(1, kPixels).ok(), "the image library starts");
    return new moderation::ImageNormaliser({.side = kSide, .pixels = kPixels});
  }();
  return normaliser->Normalise(file, [] { return false; });
}

void CheckPng(std::string_view png, Size expected) {
  const auto file = moderation::InspectImageFile(png);
  Require(file.ok() && file->coder == "PNG", "images become PNGs");
  Require(Size{file->width, file->height} == expected, "images are fitted and turned");
  ForEachChunk(png, [&](size_t at, size_t /*length*/) {
    const std::string_view type = png.substr(at + 4, 4);
    Require(type == "IHDR" || type == "PLTE" || type == "tRNS" || type == "IDAT" || type == "IEND",
            "no metadata is left");
  });
}

void CheckFile(const std::string& bytes) {
  const auto file = moderation::InspectImageFile(bytes);
  const auto png = Normalise(bytes);
  Require(png.ok() || absl::IsInvalidArgument(png.status()) ||
              absl::IsDeadlineExceeded(png.status()),
          "a bad image is no more than bad");
  if (!png.ok()) return;
  Require(file.ok() && file->width <= kPixels && file->height <= kPixels &&
              file->width * file->height <= kPixels,
          "no larger image is decoded");
  Size shown{file->width, file->height};
  if (file->orientation >= 5) std::swap(shown.width, shown.height);
  CheckPng(*png, FitInto(kSide, shown));
}

}  // namespace
void TakeInput(std::string_view input) { CheckFile(WithChecksums(input)); }

}  // namespace gischat::fuzz
