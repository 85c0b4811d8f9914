#include "services/moderation/image_file.h"

#include <gtest/gtest.h>

#include "services/moderation/image_library.h"
#include "tests/unit/moderation/image_fixtures.h"

namespace gischat::moderation {
namespace {

using fixtures::Encode;
using fixtures::Little;
using fixtures::Photo;

class ImageFileTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(StartImageLibrary(1, 1'000'000).ok()); }
};

struct Expectation {
  std::string coder;
  std::string file;
};

// One file of each format and of their more unusual layouts.
std::vector<Expectation> Files() {
  const Magick::Image photo = Photo(37, 23);
  Magick::Image interlaced = photo;
  interlaced.interlaceType(Magick::PlaneInterlace);
  Magick::Image few_colours = photo;
  few_colours.quantizeColors(16);
  few_colours.quantize();
  Magick::Image runs = few_colours;
  runs.compressType(Magick::RLECompression);
  Magick::Image deflated = photo;
  deflated.compressType(Magick::ZipCompression);
  Magick::Image lossless = photo;
  lossless.defineValue("webp", "lossless", "true");
  return {
      {"PNG", Encode(photo, "PNG")},
      {"PNG", Encode(interlaced, "PNG")},
      {"JPEG", Encode(photo, "JPEG")},
      {"JPEG", Encode(interlaced, "JPEG")},
      {"GIF", Encode(few_colours, "GIF")},
      {"GIF", Encode(photo, "GIF")},
      {"WEBP", Encode(photo, "WEBP")},
      {"WEBP", Encode(lossless, "WEBP")},
      {"BMP", Encode(photo, "BMP")},
      {"BMP", Encode(photo, "BMP:bmp2")},
      {"BMP", Encode(few_colours, "BMP:bmp3")},
      {"BMP", Encode(runs, "BMP")},
      {"TIFF", Encode(photo, "TIFF")},
      {"TIFF", Encode(deflated, "TIFF")},
      {"TIFF", fixtures::Tiff(37, 23, fixtures::kRed, {})},
      {"TIFF", fixtures::Tiff(37, 23, fixtures::kRed, {}, /*big_endian=*/true)},
  };
}

TEST_F(ImageFileTest, TellsFormatAndSize) {
  for (const auto& [coder, bytes] : Files()) {
    const auto file = InspectImageFile(bytes);
    ASSERT_TRUE(file.ok()) << coder << ": " << file.status();
    EXPECT_EQ(file->coder, coder);
    EXPECT_EQ(file->width, 37U) << coder;
    EXPECT_EQ(file->height, 23U) << coder;
    EXPECT_EQ(file->first_frame, "");
  }
}

TEST_F(ImageFileTest, RefusesEveryFileThatIsCutShort) {
  for (const auto& [coder, bytes] : Files()) {
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(InspectImageFile(std::string_view(bytes).substr(0, size)).ok())
          << coder << " cut to " << size << " of " << bytes.size();
    }
  }
}

TEST_F(ImageFileTest, SurvivesEveryFlippedByte) {
  for (const auto& [coder, bytes] : Files()) {
    for (size_t at = 0; at < bytes.size(); ++at) {
      std::string broken = bytes;
      for (const int value : {0x00, 0xFF, ~bytes[at]}) {
        broken[at] = static_cast<char>(value);
        const auto file = InspectImageFile(broken);
        EXPECT_TRUE(!file.ok() || file->width * file->height > 0) << coder;
      }
    }
  }
}

TEST_F(ImageFileTest, RefusesOtherFormats) {
  using std::literals::operator""s;
  for (const std::string& bytes :
       {"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"s,
        "<?xml version='1.0'?><image><read filename='/etc/passwd'/></image>"s,
        "%PDF-1.4 some document"s,
        "%!PS-Adobe-3.0 some document"s,
        "push graphic-context viewbox 0 0 9 9 image over 0,0 0,0 'https://example.com/x.png'"s,
        "msl:/etc/passwd"s,
        "https://example.com/x.png"s,
        "PNG:/etc/passwd"s,
        "@/etc/passwd  "s,
        "\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0"s,
        "8BPS\0\1\0\0\0\0\0\0"s,
        "P6 1 1 255 abcdef"s,
        "RIFF\x20\0\0\0AVI LIST"s,
        "\x8AMNG\r\n\x1A\n00000000"s,
        "\x8BJNG\r\n\x1A\n00000000"s,
        "\0\0\0\x1C"
        "ftypheic........"s,
        "gimp xcf v011"s,
        ""s,
        "B"s,
        "GIF8"s,
        std::string(100, '\0')}) {
    EXPECT_FALSE(InspectImageFile(bytes).ok()) << bytes;
  }
}

TEST_F(ImageFileTest, RefusesPicturesWithoutPixels) {
  EXPECT_FALSE(InspectImageFile(fixtures::PngThatClaims(0, 5)).ok());
  EXPECT_FALSE(InspectImageFile(fixtures::PngThatClaims(5, 0)).ok());
  EXPECT_FALSE(InspectImageFile(fixtures::Tiff(0, 5, fixtures::kRed, {})).ok());
}

TEST_F(ImageFileTest, ShowsAllOfAGifWhoseFrameIsLargerThanItsScreen) {
  std::string gif = Encode(Photo(37, 23), "GIF");
  gif.replace(6, 4, Little(10, 2) + Little(90, 2));
  const auto file = InspectImageFile(gif);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->width, 37U);
  EXPECT_EQ(file->height, 90U);
}

TEST_F(ImageFileTest, RefusesJpegsWithMoreScansThanAnyoneNeeds) {
  const std::string jpeg = Encode(Photo(8, 8), "JPEG");
  const size_t scan = jpeg.find("\xFF\xDA");
  const std::string scans(jpeg, scan, jpeg.size() - scan - 2);
  std::string many = jpeg.substr(0, jpeg.size() - 2);
  for (int i = 0; i < 98; ++i) many += scans;
  EXPECT_TRUE(InspectImageFile(many + "\xFF\xD9").ok());
  EXPECT_FALSE(InspectImageFile(many + scans + scans + "\xFF\xD9").ok());
}

TEST_F(ImageFileTest, RefusesJpegsWithASecondFrameHeader) {
  std::string jpeg = Encode(Photo(8, 8), "JPEG");
  const size_t frame = jpeg.find("\xFF\xC0");
  const std::string header = jpeg.substr(frame, 19);
  EXPECT_FALSE(InspectImageFile(jpeg.insert(frame, header)).ok());
}

TEST_F(ImageFileTest, WalksNoDirectoriesOfATiffInCircles) {
  const std::string tiff = fixtures::Tiff(4, 4, fixtures::kRed, {});
  const std::string next = tiff.substr(0, tiff.size() - 4);
  EXPECT_FALSE(InspectImageFile(next + tiff.substr(4, 4)).ok());
  const std::string empty = Little(0, 2) + Little(tiff.size(), 4);
  EXPECT_FALSE(InspectImageFile(next + Little(tiff.size(), 4) + empty).ok());
}

TEST_F(ImageFileTest, CountsWhatTheDecoderOfATiffNeeds) {
  const auto file = InspectImageFile(fixtures::Tiff(4, 4, fixtures::kRed, {}));
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->working_bytes, 4 * 4 * 3U);
  const auto tiled = InspectImageFile(
      fixtures::Tiff(4, 4, fixtures::kRed, {{322, 4, 1, 65536}, {323, 4, 1, 65536}}));
  ASSERT_TRUE(tiled.ok());
  EXPECT_EQ(tiled->working_bytes, uint64_t{65536} * 65536 * 3);
}

TEST_F(ImageFileTest, ReadsBigTiffs) {
  const auto entry = [](uint16_t tag, uint64_t value) {
    return Little(tag, 2) + Little(4, 2) + Little(1, 8) + Little(value, 8);
  };
  const auto make = [&](uint64_t size_of_pixels) {
    return "II" + Little(43, 2) + Little(8, 2) + Little(0, 2) + Little(16, 8) + Little(4, 8) +
           entry(256, 5) + entry(257, 7) + entry(273, 16) + entry(279, size_of_pixels) +
           Little(0, 8);
  };
  const std::string tiff = make(35);
  const auto file = InspectImageFile(tiff);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->width, 5U);
  EXPECT_EQ(file->height, 7U);
  EXPECT_FALSE(InspectImageFile(tiff.substr(0, tiff.size() - 1)).ok());
  EXPECT_TRUE(InspectImageFile(make(tiff.size() - 16)).ok());
  EXPECT_FALSE(InspectImageFile(make(tiff.size() - 15)).ok()) << "pixels behind the end";
}

}  // namespace
}  // namespace gischat::moderation
