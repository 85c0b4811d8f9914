#include "services/moderation/formats/formats.h"
#include "services/moderation/formats/reader.h"

namespace gischat::moderation::formats {
namespace {

enum Compression : uint32_t { kNone = 0, kRuns8 = 1, kRuns4 = 2, kMasks = 3, kAlphaMasks = 6 };

struct Header {
  uint32_t pixels_at = 0;
  int64_t width = 0;
  int64_t height = 0;
  uint32_t bits = 0;  // per pixel
  uint32_t compression = kNone;
};

Header ReadHeader(Reader& reader) {
  constexpr uint32_t kOldest = 12;
  Header header;
  reader.Skip(10);
  header.pixels_at = reader.Number32();
  const bool oldest = reader.Number32() == kOldest;
  if (oldest) {
    header.width = reader.Number16();
    header.height = reader.Number16();
  } else {
    header.width = static_cast<int32_t>(reader.Number32());
    header.height = static_cast<int32_t>(reader.Number32());
  }
  if (header.height < 0) header.height = -header.height;  // top row first
  reader.Skip(2);                                         // planes
  header.bits = reader.Number16();
  if (!oldest) header.compression = reader.Number32();
  return header;
}

// Whether the runs reach their end mark.
bool RunsAreComplete(uint32_t bits, Reader& reader) {
  while (!reader.failed()) {
    const uint8_t count = reader.Number8();
    const uint8_t value = reader.Number8();
    if (count != 0 || value == 0) continue;
    if (value == 1) return !reader.failed();
    if (value == 2) {
      reader.Skip(2);
    } else {
      const uint32_t length = (value * bits + 7) / 8;
      reader.Skip(length + length % 2);
    }
  }
  return false;
}

}  // namespace

absl::StatusOr<ImageFile> InspectBmp(std::string_view bytes) {
  Reader reader(bytes, Reader::Order::kLittle);
  const Header header = ReadHeader(reader);
  if (reader.failed() || header.width <= 0 || header.bits == 0 || header.bits > 32) {
    return absl::InvalidArgumentError("BMP: impossible header");
  }
  ImageFile file{.coder = "BMP"};
  file.width = static_cast<uint64_t>(header.width);
  file.height = static_cast<uint64_t>(header.height);
  reader.MoveTo(header.pixels_at);
  bool complete = false;
  if (header.compression == kRuns8 || header.compression == kRuns4) {
    complete = RunsAreComplete(header.bits, reader);
  } else if (header.compression == kNone || header.compression == kMasks ||
             header.compression == kAlphaMasks) {
    const uint64_t row = (file.width * header.bits + 31) / 32 * 4;
    complete = !reader.failed() && reader.left() / row >= file.height;
  } else {
    return absl::InvalidArgumentError("BMP: a compression that is not supported");
  }
  if (!complete) return absl::InvalidArgumentError("BMP: ends before its last pixel");
  return file;
}

}  // namespace gischat::moderation::formats
