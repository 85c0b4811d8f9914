#include <algorithm>

#include "services/moderation/formats/formats.h"
#include "services/moderation/formats/reader.h"

namespace gischat::moderation::formats {
namespace {

constexpr uint8_t kExtension = 0x21;
constexpr uint8_t kFrame = 0x2C;
constexpr uint8_t kTrailer = 0x3B;

void SkipColours(uint8_t flags, Reader& reader) {
  if ((flags & 0x80) != 0) reader.Skip(3U << ((flags & 7) + 1));
}

void SkipSubBlocks(Reader& reader) {
  while (const uint8_t length = reader.Number8()) reader.Skip(length);
}

// Moves behind a frame whose separator has been read. The first one may make the picture larger
// than its header says; viewers show all of it.
void WalkFrame(bool first, Reader& reader, ImageFile& file) {
  const uint64_t left = reader.Number16();
  const uint64_t top = reader.Number16();
  const uint64_t width = reader.Number16();
  const uint64_t height = reader.Number16();
  if (first) {
    file.frame_left = left;
    file.frame_top = top;
    file.width = std::max(file.width, left + width);
    file.height = std::max(file.height, top + height);
  }
  SkipColours(reader.Number8(), reader);
  reader.Skip(1);  // bits of the first code
  SkipSubBlocks(reader);
}

}  // namespace

absl::StatusOr<ImageFile> InspectGif(std::string_view bytes) {
  Reader reader(bytes, Reader::Order::kLittle);
  reader.Skip(6);
  ImageFile file{.coder = "GIF"};
  file.width = reader.Number16();
  file.height = reader.Number16();
  const uint8_t flags = reader.Number8();
  reader.Skip(2);  // background, aspect
  SkipColours(flags, reader);
  bool has_frame = false;
  while (!reader.failed()) {
    const uint8_t block = reader.Number8();
    if (reader.failed()) break;
    if (block == kTrailer) {
      if (!has_frame) return absl::InvalidArgumentError("GIF: no frame");
      return file;
    }
    if (block == kExtension) {
      reader.Skip(1);  // label
      SkipSubBlocks(reader);
    } else if (block == kFrame) {
      WalkFrame(!has_frame, reader, file);
      has_frame = true;
    } else if (block != 0) {  // some writers leave empty blocks behind
      return absl::InvalidArgumentError("GIF: unknown block");
    }
  }
  return absl::InvalidArgumentError("GIF: ends before its trailer");
}

}  // namespace gischat::moderation::formats
