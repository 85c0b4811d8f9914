#include <algorithm>

#include "services/moderation/formats/exif.h"
#include "services/moderation/formats/formats.h"
#include "services/moderation/formats/reader.h"

namespace gischat::moderation::formats {
namespace {

constexpr uint8_t kAnimated = 0x02;

// The block, without the prefix that some writers put in front as in a JPEG.
std::string_view ExifOf(std::string_view content) {
  constexpr std::string_view kPrefix("Exif\0\0", 6);
  if (content.substr(0, kPrefix.size()) == kPrefix) content.remove_prefix(kPrefix.size());
  return content;
}

void AppendNumber(uint32_t number, size_t width, std::string& bytes) {
  for (size_t i = 0; i < width; ++i) bytes.push_back(static_cast<char>(number >> (8 * i) & 0xFF));
}

void AppendChunk(std::string_view type, std::string_view content, std::string& bytes) {
  bytes.append(type);
  AppendNumber(static_cast<uint32_t>(content.size()), 4, bytes);
  bytes.append(content);
  if (content.size() % 2 != 0) bytes.push_back('\0');
}

struct Chunk {
  std::string_view type;
  std::string_view content;
};

Chunk ReadChunk(Reader& reader) {
  Chunk chunk;
  chunk.type = reader.Take(4);
  const uint32_t length = reader.Number32();
  chunk.content = reader.Take(length);
  if (length % 2 != 0) reader.Skip(1);
  return chunk;
}

void ReadLossySize(std::string_view content, ImageFile& file) {
  Reader reader(content, Reader::Order::kLittle);
  reader.Skip(6);  // frame tag, start code
  file.width = reader.Number16() & 0x3FFFU;
  file.height = reader.Number16() & 0x3FFFU;
}

void ReadLosslessSize(std::string_view content, ImageFile& file) {
  Reader reader(content, Reader::Order::kLittle);
  reader.Skip(1);  // signature
  const uint32_t bits = reader.Number32();
  file.width = (bits & 0x3FFFU) + 1;
  file.height = (bits >> 14 & 0x3FFFU) + 1;
}

// A file of its own with the picture of one frame of an animation; empty when the frame has none.
// Decoding the animation instead would hold all its frames in memory.
std::string MakeStill(uint32_t width, uint32_t height, Reader& reader) {
  constexpr uint8_t kAlpha = 0x10;
  std::string header;
  AppendNumber(kAlpha, 4, header);
  AppendNumber(width - 1, 3, header);
  AppendNumber(height - 1, 3, header);
  std::string body;
  AppendChunk("VP8X", header, body);
  bool has_picture = false;
  while (reader.left() > 0 && !reader.failed() && !has_picture) {
    const Chunk chunk = ReadChunk(reader);
    has_picture = chunk.type == "VP8 " || chunk.type == "VP8L";
    if (has_picture || chunk.type == "ALPH") AppendChunk(chunk.type, chunk.content, body);
  }
  if (!has_picture || reader.failed()) return "";
  std::string still = "RIFF";
  AppendNumber(static_cast<uint32_t>(body.size() + 4), 4, still);
  return still + "WEBP" + body;
}

void ReadFirstFrame(std::string_view frame, ImageFile& file) {
  Reader reader(frame, Reader::Order::kLittle);
  file.frame_left = uint64_t{2} * reader.Number24();
  file.frame_top = uint64_t{2} * reader.Number24();
  const uint32_t width = reader.Number24() + 1;
  const uint32_t height = reader.Number24() + 1;
  reader.Skip(4);  // duration, flags
  if (file.frame_left + width > file.width || file.frame_top + height > file.height) return;
  file.first_frame = MakeStill(width, height, reader);
}

}  // namespace

absl::StatusOr<ImageFile> InspectWebp(std::string_view bytes) {
  Reader reader(bytes, Reader::Order::kLittle);
  reader.Skip(4);
  const uint64_t size = reader.Number32();
  if (size < 4 || size > reader.left()) return absl::InvalidArgumentError("WebP: cut short");
  reader = Reader(bytes.substr(0, size + 8), Reader::Order::kLittle);
  reader.Skip(12);
  ImageFile file{.coder = "WEBP"};
  bool animated = false;
  bool has_picture = false;
  while (reader.left() > 0) {
    const Chunk chunk = ReadChunk(reader);
    if (reader.failed()) return absl::InvalidArgumentError("WebP: broken chunk");
    if (chunk.type == "VP8X" && file.width == 0) {
      Reader header(chunk.content, Reader::Order::kLittle);
      animated = (header.Number32() & kAnimated) != 0;
      file.width = header.Number24() + 1;
      file.height = header.Number24() + 1;
    } else if (chunk.type == "EXIF") {
      file.orientation = ReadOrientation(ExifOf(chunk.content));
    } else if (chunk.type == "ANMF" && animated && !has_picture) {
      ReadFirstFrame(chunk.content, file);
      has_picture = !file.first_frame.empty();
    } else if ((chunk.type == "VP8 " || chunk.type == "VP8L") && !animated && !has_picture) {
      has_picture = true;
      if (file.width == 0) {
        chunk.type == "VP8 " ? ReadLossySize(chunk.content, file)
                             : ReadLosslessSize(chunk.content, file);
      }
    }
  }
  if (!has_picture) return absl::InvalidArgumentError("WebP: no picture");
  return file;
}

}  // namespace gischat::moderation::formats
