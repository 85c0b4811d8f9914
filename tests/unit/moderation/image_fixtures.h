#pragma once

#include <Magick++.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Image files and parts of them, made on the spot.
namespace gischat::moderation::fixtures {

using Rgba = std::array<uint8_t, 4>;

inline constexpr Rgba kRed{255, 0, 0, 255};
inline constexpr Rgba kGreen{0, 255, 0, 255};
inline constexpr Rgba kBlue{0, 0, 255, 255};
inline constexpr Rgba kWhite{255, 255, 255, 255};

// Four quadrants of one colour each: left above, right above, left below, right below.
Magick::Image Quadrants(size_t width, size_t height, const std::array<Rgba, 4>& colours);

// Something like a photo: gradients and a little noise, always the same.
Magick::Image Photo(size_t width, size_t height);

// Rings that get the finer the farther out, up to `finest` cycles per pixel at the corners.
Magick::Image Rings(size_t width, size_t height, double finest);

// An image file. `coder`: "JPEG", ..., or with a variant as in "PNG:png8" or "BMP:bmp3".
std::string Encode(Magick::Image image, const std::string& coder);
std::string EncodeAll(std::vector<Magick::Image> images, const std::string& coder);

Magick::Image DecodePng(const std::string& bytes);
Rgba PixelAt(const Magick::Image& image, size_t x, size_t y);

// An EXIF block with an orientation and a GPS position, from its TIFF header on.
std::string Exif(uint16_t orientation);
// The same JPEG, PNG or (simple, 8-bit wide and high) WebP file with an EXIF block in it.
std::string AddExif(const std::string& file, const std::string& exif);

// The same JPEG file with one more segment at its beginning.
std::string AddJpegSegment(const std::string& jpeg, uint8_t marker, const std::string& content);

// A file with a profile ("icc", "xmp") in it.
std::string EncodeWithProfile(Magick::Image image, const std::string& coder,
                              const std::string& profile, const std::string& content);

// The chunks of a PNG or the top-level chunks of a WebP file, in order.
struct Chunk {
  std::string type;
  std::string content;
};
std::vector<Chunk> PngChunks(const std::string& png);
std::vector<Chunk> WebpChunks(const std::string& webp);
std::string PngChunk(const std::string& type, const std::string& content);
std::string WebpFile(const std::vector<Chunk>& chunks);

// A PNG of which only the header is large.
std::string PngThatClaims(uint32_t width, uint32_t height);

// An uncompressed RGB TIFF of one colour with further tags {number, type, count, inline value}.
struct TiffTag {
  uint16_t number, type;
  uint32_t count, value;
};
std::string Tiff(uint32_t width, uint32_t height, const Rgba& colour, std::vector<TiffTag> more,
                 bool big_endian = false);

std::string Big(uint64_t number, size_t width);
std::string Little(uint64_t number, size_t width);

}  // namespace gischat::moderation::fixtures
