#include <algorithm>

#include "services/moderation/formats/formats.h"
#include "services/moderation/formats/reader.h"

namespace gischat::moderation::formats {
namespace {

// The tags of a directory that say how large the pixels are and where they lie.
enum Tag : uint16_t {
  kWidth = 256,
  kHeight = 257,
  kBitsPerSample = 258,
  kStripOffsets = 273,
  kOrientation = 274,
  kSamplesPerPixel = 277,
  kStripSizes = 279,
  kTileWidth = 322,
  kTileHeight = 323,
  kTileOffsets = 324,
  kTileSizes = 325,
};

uint64_t SizeOfType(uint16_t type) {
  constexpr uint64_t kSizes[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8};
  return type < std::size(kSizes) ? kSizes[type] : 0;
}

// The values of one entry of a directory.
struct Values {
  std::string_view bytes{};
  uint64_t size = 0;  // bytes of each
  Reader::Order order = Reader::Order::kBig;

  uint64_t count() const { return size == 0 ? 0 : bytes.size() / size; }
  uint64_t operator[](uint64_t i) const {
    if (i >= count()) return 0;
    Reader reader(bytes.substr(i * size, size), order);
    if (size == 1) return reader.Number8();
    if (size == 2) return reader.Number16();
    return size == 4 ? reader.Number32() : reader.Number64();
  }
};

struct Directory {
  Values width, height, bits, samples, tile_width, tile_height, offsets, sizes, orientation;
  uint64_t next = 0;  // place of the next directory; 0: none

  Values* Place(uint16_t tag) {
    switch (tag) {
      case kWidth:
        return &width;
      case kHeight:
        return &height;
      case kBitsPerSample:
        return &bits;
      case kSamplesPerPixel:
        return &samples;
      case kOrientation:
        return &orientation;
      case kTileWidth:
        return &tile_width;
      case kTileHeight:
        return &tile_height;
      case kStripOffsets:
      case kTileOffsets:
        return &offsets;
      case kStripSizes:
      case kTileSizes:
        return &sizes;
      default:
        return nullptr;
    }
  }
};

// Walks the directories of one file, in the classic or in the "big" layout. Takes no more steps
// than directories that don't overlap can have entries.
class Walk {
 public:
  explicit Walk(std::string_view bytes)
      : bytes_(bytes),
        order_(bytes[0] == 'M' ? Reader::Order::kBig : Reader::Order::kLittle),
        reader_(bytes, order_),
        entries_left_(bytes.size() / kSmallestEntry) {
    reader_.Skip(2);
    big_ = reader_.Number16() == 43;
    if (big_) reader_.Skip(4);  // size of an offset, reserved
  }

  uint64_t Offset() { return big_ ? reader_.Number64() : reader_.Number32(); }

  // False when the directory or a value of it lies outside the file.
  bool ReadDirectory(uint64_t at, Directory& directory) {
    reader_.MoveTo(at);
    const uint64_t entries = big_ ? reader_.Number64() : reader_.Number16();
    if (entries >= entries_left_) return false;
    entries_left_ -= entries + 1;  // empty ones count too, or a circle of them would have no end
    for (uint64_t i = 0; i < entries && !reader_.failed(); ++i) {
      const uint16_t tag = reader_.Number16();
      const Values values = ReadValues();
      if (Values* const place = directory.Place(tag)) *place = values;
    }
    directory.next = Offset();
    return !reader_.failed();
  }

 private:
  Values ReadValues() {
    const uint64_t inlined = big_ ? 8 : 4;
    const uint16_t type = reader_.Number16();
    const uint64_t count = Offset();
    const size_t field = reader_.at();
    Values values{.size = SizeOfType(type), .order = order_};
    if (values.size != 0 && count > bytes_.size() / values.size) {
      reader_.MoveTo(bytes_.size() + 1);  // more than any file of this size holds
      return values;
    }
    const uint64_t length = count * values.size;
    if (length > inlined) reader_.MoveTo(Offset());
    values.bytes = reader_.Take(length);
    reader_.MoveTo(field + inlined);
    return values;
  }

  static constexpr uint64_t kSmallestEntry = 12;

  std::string_view bytes_;
  Reader::Order order_;
  Reader reader_;
  uint64_t entries_left_;
  bool big_ = false;
};

bool HasAllPixels(const Directory& directory, uint64_t file_size) {
  const uint64_t pieces = directory.offsets.count();
  for (uint64_t i = 0; i < pieces; ++i) {
    const uint64_t at = directory.offsets[i];
    const uint64_t size = directory.sizes[i];
    if (at > file_size || size > file_size - at) return false;
  }
  return pieces > 0;
}

// Bytes of the pixels (or of one tile, which may be larger) as they are stored, unpacked.
uint64_t UnpackedBytes(const Directory& directory) {
  static constexpr uint64_t kMostBits = 1U << 16;
  static constexpr uint64_t kMostSide = 1U << 24;
  const auto area = [](const Values& width, const Values& height) {
    return std::min(width[0], kMostSide) * std::min(height[0], kMostSide);
  };
  const uint64_t sample = std::clamp<uint64_t>(directory.bits[0], 1, 64);
  const uint64_t pixel = sample * std::max<uint64_t>(directory.samples[0], 1);
  return std::max(area(directory.width, directory.height),
                  area(directory.tile_width, directory.tile_height)) /
         8 * std::min(pixel, kMostBits);
}

}  // namespace

absl::StatusOr<ImageFile> InspectTiff(std::string_view bytes) {
  Walk walk(bytes);
  Directory first;
  if (!walk.ReadDirectory(walk.Offset(), first)) {
    return absl::InvalidArgumentError("TIFF: directory is cut short");
  }
  Directory later = first;
  while (later.next != 0) {
    if (!walk.ReadDirectory(later.next, later)) {
      return absl::InvalidArgumentError("TIFF: a later directory is cut short");
    }
  }
  if (!HasAllPixels(first, bytes.size())) {
    return absl::InvalidArgumentError("TIFF: ends before its last pixel");
  }
  ImageFile file{.coder = "TIFF"};
  file.width = first.width[0];
  file.height = first.height[0];
  const uint64_t orientation = first.orientation[0];
  if (orientation >= 1 && orientation <= 8) file.orientation = static_cast<int>(orientation);
  file.working_bytes = UnpackedBytes(first);
  return file;
}

}  // namespace gischat::moderation::formats
