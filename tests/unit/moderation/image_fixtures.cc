#include "tests/unit/moderation/image_fixtures.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace gischat::moderation::fixtures {
namespace {

uint32_t Crc32(const std::string& bytes) {
  uint32_t crc = 0xFFFFFFFFU;
  for (const char c : bytes) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

uint64_t FromBytes(std::string_view bytes, bool big_endian) {
  uint64_t number = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    number = number << 8 | static_cast<uint8_t>(bytes[big_endian ? i : bytes.size() - 1 - i]);
  }
  return number;
}

Magick::Image FromPixels(size_t width, size_t height, const std::vector<uint8_t>& rgba,
                         const std::string& map) {
  Magick::Image image(width, height, map, Magick::CharPixel, rgba.data());
  image.depth(8);
  return image;
}

std::string ToString(const Magick::Blob& blob) {
  return {static_cast<const char*>(blob.data()), blob.length()};
}

std::string Number(uint64_t number, size_t width, bool big_endian) {
  return big_endian ? Big(number, width) : Little(number, width);
}

}  // namespace

std::string Big(uint64_t number, size_t width) {
  std::string bytes = Little(number, width);
  std::reverse(bytes.begin(), bytes.end());
  return bytes;
}

std::string Little(uint64_t number, size_t width) {
  std::string bytes;
  for (size_t i = 0; i < width; ++i) bytes.push_back(static_cast<char>(number >> (8 * i) & 0xFF));
  return bytes;
}

Magick::Image Quadrants(size_t width, size_t height, const std::array<Rgba, 4>& colours) {
  std::vector<uint8_t> pixels;
  for (size_t y = 0; y < height; ++y) {
    for (size_t x = 0; x < width; ++x) {
      const size_t right = x < width / 2 ? 0 : 1;
      const size_t below = y < height / 2 ? 0 : 2;
      const Rgba& colour = colours[right + below];
      pixels.insert(pixels.end(), colour.begin(), colour.end());
    }
  }
  const bool opaque = std::all_of(colours.begin(), colours.end(),
                                  [](const Rgba& colour) { return colour[3] == 255; });
  Magick::Image image = FromPixels(width, height, pixels, "RGBA");
  image.matte(!opaque);
  return image;
}

Magick::Image Photo(size_t width, size_t height) {
  std::vector<uint8_t> pixels(width * height * 3);
  uint32_t noise = 1;
  size_t at = 0;
  for (size_t y = 0; y < height; ++y) {
    for (size_t x = 0; x < width; ++x) {
      noise = noise * 1664525U + 1013904223U;
      const auto grain = static_cast<uint8_t>(noise >> 29);
      pixels[at++] = static_cast<uint8_t>(x * 247 / width + grain);
      pixels[at++] = static_cast<uint8_t>(y * 247 / height + grain);
      pixels[at++] = static_cast<uint8_t>((x + y) / 8 % 240 + grain);
    }
  }
  return FromPixels(width, height, pixels, "RGB");
}

Magick::Image Rings(size_t width, size_t height, double finest) {
  std::vector<uint8_t> pixels(width * height * 3);
  const double middle_x = static_cast<double>(width) / 2;
  const double middle_y = static_cast<double>(height) / 2;
  const double farthest = std::hypot(middle_x, middle_y);
  size_t at = 0;
  for (size_t y = 0; y < height; ++y) {
    for (size_t x = 0; x < width; ++x) {
      const double radius =
          std::hypot(static_cast<double>(x) - middle_x, static_cast<double>(y) - middle_y);
      const double phase = std::numbers::pi * finest * radius * radius / farthest;
      const auto grey = static_cast<uint8_t>(127.5 + 127.5 * std::cos(phase));
      for (int channel = 0; channel < 3; ++channel) pixels[at++] = grey;
    }
  }
  return FromPixels(width, height, pixels, "RGB");
}

std::string Encode(Magick::Image image, const std::string& coder) {
  const size_t colon = coder.find(':');
  const std::string format = coder.substr(0, colon);
  if (colon != std::string::npos) image.defineValue(format, "format", coder.substr(colon + 1));
  Magick::Blob blob;
  image.magick(format);
  image.write(&blob);
  return ToString(blob);
}

std::string EncodeAll(std::vector<Magick::Image> images, const std::string& coder) {
  for (Magick::Image& image : images) image.magick(coder);
  Magick::Blob blob;
  Magick::writeImages(images.begin(), images.end(), &blob, true);
  return ToString(blob);
}

Magick::Image DecodePng(const std::string& bytes) {
  Magick::Image image;
  image.magick("PNG");
  image.read(Magick::Blob(bytes.data(), bytes.size()));
  return image;
}

Rgba PixelAt(const Magick::Image& image, size_t x, size_t y) {
  Rgba pixel{};
  Magick::Image copy = image;
  copy.write(static_cast<ssize_t>(x), static_cast<ssize_t>(y), 1, 1, "RGBA", Magick::CharPixel,
             pixel.data());
  return pixel;
}

std::string Exif(uint16_t orientation) {
  const auto entry = [](uint16_t tag, uint16_t type, uint32_t count, const std::string& value) {
    return Little(tag, 2) + Little(type, 2) + Little(count, 4) + value;
  };
  constexpr uint32_t kGps = 8 + 2 + 2 * 12 + 4;
  constexpr uint32_t kDegrees = kGps + 2 + 2 * 12 + 4;
  std::string tiff = "II" + Little(42, 2) + Little(8, 4);
  tiff += Little(2, 2) + entry(0x0112, 3, 1, Little(orientation, 4)) +
          entry(0x8825, 4, 1, Little(kGps, 4)) + Little(0, 4);
  tiff += Little(2, 2) + entry(1, 2, 2, std::string("N\0\0\0", 4)) +
          entry(2, 5, 3, Little(kDegrees, 4)) + Little(0, 4);
  for (const uint32_t part : {48U, 51U, 29U}) tiff += Little(part, 4) + Little(1, 4);
  return tiff;
}

std::string AddJpegSegment(const std::string& jpeg, uint8_t marker, const std::string& content) {
  return jpeg.substr(0, 2) + "\xFF" + Big(marker, 1) + Big(content.size() + 2, 2) + content +
         jpeg.substr(2);
}

std::string AddExif(const std::string& file, const std::string& exif) {
  if (file.substr(0, 2) == "\xFF\xD8") {
    return AddJpegSegment(file, 0xE1, std::string("Exif\0\0", 6) + exif);
  }
  if (file.substr(0, 4) == "RIFF") {
    const Chunk picture = WebpChunks(file).back();
    const Magick::Image image = Magick::Image(Magick::Blob(file.data(), file.size()));
    return WebpFile(
        {{"VP8X", Little(0x08, 4) + Little(image.columns() - 1, 3) + Little(image.rows() - 1, 3)},
         picture,
         {"EXIF", exif}});
  }
  constexpr size_t kBehindHeader = 8 + 12 + 13;
  return file.substr(0, kBehindHeader) + PngChunk("eXIf", exif) + file.substr(kBehindHeader);
}

std::string EncodeWithProfile(Magick::Image image, const std::string& coder,
                              const std::string& profile, const std::string& content) {
  image.profile(profile, Magick::Blob(content.data(), content.size()));
  return Encode(image, coder);
}

std::vector<Chunk> PngChunks(const std::string& png) {
  std::vector<Chunk> chunks;
  for (size_t at = 8; at + 12 <= png.size();) {
    const uint64_t length = FromBytes(png.substr(at, 4), true);
    chunks.push_back({png.substr(at + 4, 4), png.substr(at + 8, length)});
    at += 12 + length;
  }
  return chunks;
}

std::vector<Chunk> WebpChunks(const std::string& webp) {
  std::vector<Chunk> chunks;
  for (size_t at = 12; at + 8 <= webp.size();) {
    const uint64_t length = FromBytes(webp.substr(at + 4, 4), false);
    chunks.push_back({webp.substr(at, 4), webp.substr(at + 8, length)});
    at += 8 + length + length % 2;
  }
  return chunks;
}

std::string PngChunk(const std::string& type, const std::string& content) {
  return Big(content.size(), 4) + type + content + Big(Crc32(type + content), 4);
}

std::string WebpFile(const std::vector<Chunk>& chunks) {
  std::string body = "WEBP";
  for (const auto& [type, content] : chunks) {
    body.append(type).append(Little(content.size(), 4)).append(content);
    body.append(content.size() % 2, '\0');
  }
  return "RIFF" + Little(body.size(), 4) + body;
}

std::string PngThatClaims(uint32_t width, uint32_t height) {
  std::string png = "\x89PNG\r\n\x1A\n";
  for (auto& [type, content] : PngChunks(Encode(Photo(8, 8), "PNG"))) {
    if (type == "IHDR") content.replace(0, 8, Big(width, 4) + Big(height, 4));
    png += PngChunk(type, content);
  }
  return png;
}

std::string Tiff(uint32_t width, uint32_t height, const Rgba& colour, std::vector<TiffTag> more,
                 bool big_endian) {
  const auto number = [&](uint64_t value, size_t size) { return Number(value, size, big_endian); };
  std::string pixels;
  for (uint32_t i = 0; i < width * height; ++i) pixels.append(colour.begin(), colour.begin() + 3);
  if (pixels.size() % 2 != 0) pixels.push_back('\0');
  constexpr uint32_t kPixels = 8;
  const auto bits_at = static_cast<uint32_t>(kPixels + pixels.size());
  std::vector<TiffTag> tags = {{256, 4, 1, width},
                               {257, 4, 1, height},
                               {258, 3, 3, bits_at},
                               {259, 3, 1, 1},
                               {262, 3, 1, 2},
                               {273, 4, 1, kPixels},
                               {277, 3, 1, 3},
                               {278, 4, 1, height},
                               {279, 4, 1, static_cast<uint32_t>(width * height * 3)},
                               {284, 3, 1, 1}};
  tags.insert(tags.end(), more.begin(), more.end());
  std::sort(tags.begin(), tags.end(),
            [](const TiffTag& a, const TiffTag& b) { return a.number < b.number; });
  std::string file = (big_endian ? "MM" : "II") + number(42, 2) + number(bits_at + 6, 4) + pixels;
  file += number(8, 2) + number(8, 2) + number(8, 2);
  file += number(tags.size(), 2);
  for (const TiffTag& tag : tags) {
    const bool inlined_short = tag.type == 3 && tag.count == 1;
    file += number(tag.number, 2) + number(tag.type, 2) + number(tag.count, 4);
    file += inlined_short ? number(tag.value, 2) + number(0, 2) : number(tag.value, 4);
  }
  return file + number(0, 4);
}

}  // namespace gischat::moderation::fixtures
