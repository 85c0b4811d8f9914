#include "services/moderation/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <lcms2.h>

#include <cmath>
#include <set>

#include "services/moderation/image_library.h"
#include "tests/unit/moderation/image_fixtures.h"

namespace gischat::moderation {
namespace {

using fixtures::Encode;
using fixtures::kBlue;
using fixtures::kGreen;
using fixtures::kRed;
using fixtures::kWhite;
using fixtures::Photo;
using fixtures::PixelAt;
using fixtures::Quadrants;
using fixtures::Rgba;

constexpr Rgba kNothing{0, 0, 0, 0};
constexpr Rgba kHalfRed{255, 0, 0, 128};

bool Never() { return false; }

// What sets two colours apart at most, in any channel.
int Distance(const Rgba& a, const Rgba& b) {
  int most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(int{a[i]} - int{b[i]}));
  return most;
}

class ImageNormaliserTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(StartImageLibrary(1, 50'000'000).ok()); }

  absl::StatusOr<std::string> Normalise(const std::string& file) const {
    return normaliser_.Normalise(file, Never);
  }

  // The result, decoded; a failure and one pixel when there is none.
  Magick::Image Result(const std::string& file) const {
    const absl::StatusOr<std::string> png = Normalise(file);
    EXPECT_TRUE(png.ok()) << png.status();
    return fixtures::DecodePng(png.ok() ? *png : Encode(Photo(1, 1), "PNG"));
  }

  Size ResultSize(const std::string& file) const {
    const Magick::Image image = Result(file);
    return {image.columns(), image.rows()};
  }

  // Four quadrants: left above, right above, left below, right below.
  void ExpectQuadrants(const Magick::Image& image, const std::array<Rgba, 4>& expected,
                       int tolerance = 0) const {
    for (size_t i = 0; i < 4; ++i) {
      const size_t x = image.columns() * (1 + 2 * (i % 2)) / 4;
      const size_t y = image.rows() * (1 + 2 * (i / 2)) / 4;
      const Rgba found = PixelAt(image, x, y);
      EXPECT_LE(Distance(found, expected[i]), tolerance)
          << "quadrant " << i << ": " << testing::PrintToString(found);
    }
  }

  ImageNormaliser normaliser_{{}};
};

constexpr std::array<Rgba, 4> kFourColours{kRed, kGreen, kBlue, kWhite};

TEST(FitInto, KeepsTheRatioAndNeverEnlarges) {
  const struct {
    Size from, to;
  } cases[] = {
      {{1200, 800}, {800, 533}},  {{801, 800}, {800, 799}},  {{800, 801}, {799, 800}},
      {{800, 800}, {800, 800}},   {{1, 1}, {1, 1}},          {{799, 3}, {799, 3}},
      {{1600, 900}, {800, 450}},  {{900, 1600}, {450, 800}}, {{1000, 667}, {800, 534}},
      {{50000, 2}, {800, 1}},     {{2, 50000}, {1, 800}},    {{6000, 6000}, {800, 800}},
      {{4032, 3024}, {800, 600}}, {{1601, 1}, {800, 1}},     {{8000, 14}, {800, 2}},
      {{3, 1600}, {1, 800}},
  };
  for (const auto& [from, to] : cases) {
    const Size size = FitInto(800, from);
    EXPECT_EQ(size, to) << from.width << "x" << from.height << " became " << size.width << "x"
                        << size.height;
  }
}

TEST_F(ImageNormaliserTest, FitsEveryFormatIntoTheSquare) {
  for (const std::string coder :
       {"PNG", "JPEG", "GIF", "WEBP", "BMP", "BMP:bmp2", "BMP:bmp3", "TIFF"}) {
    EXPECT_EQ(ResultSize(Encode(Photo(1200, 800), coder)), (Size{800, 533})) << coder;
    EXPECT_EQ(ResultSize(Encode(Photo(801, 800), coder)), (Size{800, 799})) << coder;
    EXPECT_EQ(ResultSize(Encode(Photo(50, 20), coder)), (Size{50, 20})) << coder;
    EXPECT_EQ(ResultSize(Encode(Quadrants(3500, 3000, kFourColours), coder)), (Size{800, 686}));
  }
}

TEST_F(ImageNormaliserTest, KeepsColoursOfEveryFormat) {
  for (const std::string coder : {"PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"}) {
    ExpectQuadrants(Result(Encode(Quadrants(60, 40, kFourColours), coder)), kFourColours, 6);
    ExpectQuadrants(Result(Encode(Quadrants(3300, 2500, kFourColours), coder)), kFourColours, 6);
  }
}

// Details just coarse enough for the target, and so fine that they must vanish instead of leaving
// moire: as Lanczos alone would show them.
TEST_F(ImageNormaliserTest, ShrinksAsWellAsWithoutShortcuts) {
  const ImageNormaliser small({.side = 200});
  for (const double cycles_per_target_pixel : {0.3, 1.5}) {
    Magick::Image reference = fixtures::Rings(840, 672, cycles_per_target_pixel * 200 / 840);
    const std::string files[] = {Encode(reference, "PNG"), Encode(reference, "JPEG")};
    reference.filterType(MagickCore::LanczosFilter);
    reference.resize("200x160!");
    for (const std::string& file : files) {
      const absl::StatusOr<std::string> png = small.Normalise(file, Never);
      ASSERT_TRUE(png.ok()) << png.status();
      reference.compare(fixtures::DecodePng(*png));
      EXPECT_LT(reference.meanErrorPerPixel() / 257.0, 2.0) << cycles_per_target_pixel;
    }
  }
}

TEST_F(ImageNormaliserTest, MakesPngWithEightBitsAndNothingButPixels) {
  const std::set<std::string> allowed = {"IHDR", "PLTE", "tRNS", "IDAT", "IEND"};
  Magick::Image photo = Photo(64, 48);
  photo.attribute("comment", "taken at home");
  photo.attribute("date:create", "2020-01-01");
  photo.density("300x300");
  photo.backgroundColor(Magick::Color("red"));
  const std::string exif = std::string("Exif\0\0", 6) + fixtures::Exif(1);
  photo.profile("exif", Magick::Blob(exif.data(), exif.size()));
  photo.profile("xmp", Magick::Blob("<x:xmpmeta/>", 12));
  Magick::Image deep = photo;
  deep.depth(16);
  Magick::Image grey = photo;
  grey.type(Magick::GrayscaleType);
  Magick::Image two = photo;
  two.type(Magick::BilevelType);
  Magick::Image palette = photo;
  palette.type(Magick::PaletteType);
  for (const Magick::Image& image : {photo, deep, grey, two, palette}) {
    for (const std::string coder : {"PNG", "JPEG", "GIF", "WEBP", "TIFF"}) {
      const absl::StatusOr<std::string> png = Normalise(Encode(image, coder));
      ASSERT_TRUE(png.ok()) << coder << ": " << png.status();
      const auto chunks = fixtures::PngChunks(*png);
      for (const auto& chunk : chunks) EXPECT_TRUE(allowed.contains(chunk.type)) << chunk.type;
      ASSERT_EQ(chunks[0].type, "IHDR");
      EXPECT_EQ(chunks[0].content[8], 8) << coder << ": bits";
    }
  }
}

TEST_F(ImageNormaliserTest, DropsPositionsFromPhotos) {
  for (const std::string coder : {"PNG", "JPEG", "WEBP"}) {
    const std::string exif = fixtures::Exif(1);
    const std::string degrees = exif.substr(exif.size() - 24);
    const std::string file = fixtures::AddExif(Encode(Photo(64, 48), coder), exif);
    ASSERT_NE(file.find(degrees), std::string::npos) << coder;
    const absl::StatusOr<std::string> png = Normalise(file);
    ASSERT_TRUE(png.ok()) << coder << png.status();
    EXPECT_EQ(png->find(degrees), std::string::npos);
    EXPECT_EQ(fixtures::DecodePng(*png).profile("exif").length(), 0U);
  }
}

TEST_F(ImageNormaliserTest, TurnsPhotosAsExifAsks) {
  const std::array<Rgba, 4> expected[8] = {
      {kRed, kGreen, kBlue, kWhite}, {kGreen, kRed, kWhite, kBlue}, {kWhite, kBlue, kGreen, kRed},
      {kBlue, kWhite, kRed, kGreen}, {kRed, kBlue, kGreen, kWhite}, {kBlue, kRed, kWhite, kGreen},
      {kWhite, kGreen, kBlue, kRed}, {kGreen, kWhite, kRed, kBlue},
  };
  for (const std::string coder : {"JPEG", "PNG", "WEBP"}) {
    for (uint16_t orientation = 1; orientation <= 8; ++orientation) {
      const Magick::Image result = Result(fixtures::AddExif(
          Encode(Quadrants(120, 80, kFourColours), coder), fixtures::Exif(orientation)));
      const bool sideways = orientation >= 5;
      EXPECT_EQ(result.columns(), sideways ? 80U : 120U) << coder << orientation;
      EXPECT_EQ(result.rows(), sideways ? 120U : 80U) << coder << orientation;
      SCOPED_TRACE(coder + " with orientation " + std::to_string(orientation));
      ExpectQuadrants(result, expected[orientation - 1], 6);
    }
  }
  EXPECT_EQ(ResultSize(fixtures::AddExif(Encode(Photo(1200, 800), "JPEG"), fixtures::Exif(6))),
            (Size{533, 800}));
}

TEST_F(ImageNormaliserTest, TurnsTiffsAsTheirTagAsks) {
  const std::string tiff = fixtures::Tiff(6, 4, kRed, {{274, 3, 1, 6}});
  EXPECT_EQ(ResultSize(tiff), (Size{4, 6}));
}

TEST_F(ImageNormaliserTest, KeepsTransparency) {
  const std::array<Rgba, 4> colours{kHalfRed, kNothing, kBlue, kNothing};
  for (const std::string coder : {"PNG", "PNG:png32", "PNG:png64", "TIFF", "WEBP"}) {
    for (const size_t scale : {1, 50}) {
      const Magick::Image result =
          Result(Encode(Quadrants(60 * scale, 40 * scale, colours), coder));
      EXPECT_TRUE(result.matte()) << coder;
      EXPECT_LE(Distance(PixelAt(result, result.columns() / 4, result.rows() / 4), kHalfRed), 3);
      EXPECT_EQ(PixelAt(result, result.columns() * 3 / 4, result.rows() / 4)[3], 0) << coder;
    }
  }
}

TEST_F(ImageNormaliserTest, KeepsTransparencyOfPalettes) {
  const std::array<Rgba, 4> colours{kRed, kNothing, kBlue, kNothing};
  for (const std::string coder : {"PNG:png8", "GIF"}) {
    const std::string file = Encode(Quadrants(60, 40, colours), coder);
    if (coder == "PNG:png8") {
      std::set<std::string> types;
      for (const auto& chunk : fixtures::PngChunks(file)) types.insert(chunk.type);
      ASSERT_TRUE(types.contains("PLTE") && types.contains("tRNS"));
    }
    const Magick::Image result = Result(file);
    EXPECT_EQ(PixelAt(result, 15, 10), kRed);
    EXPECT_EQ(PixelAt(result, 45, 10)[3], 0);
    EXPECT_EQ(PixelAt(result, 15, 30), kBlue);
  }
}

TEST_F(ImageNormaliserTest, DoesNotLetTransparentPixelsBleed) {
  // Invisible green beside red: the edge may fade, but not turn green.
  const std::array<Rgba, 4> colours{kRed, Rgba{0, 255, 0, 0}, kRed, Rgba{0, 255, 0, 0}};
  const Magick::Image result = Result(Encode(Quadrants(4001, 4001, colours), "PNG"));
  for (size_t x = 380; x < 420; ++x) {
    const Rgba pixel = PixelAt(result, x, 400);
    EXPECT_TRUE(pixel[3] < 8 || pixel[1] < 8) << x << testing::PrintToString(pixel);
  }
}

TEST_F(ImageNormaliserTest, TurnsCmykIntoSrgb) {
  Magick::Image cmyk = Quadrants(64, 64, kFourColours);
  cmyk.colorSpace(Magick::CMYKColorspace);
  for (const std::string coder : {"JPEG", "TIFF"}) {
    const Magick::Image result = Result(Encode(cmyk, coder));
    EXPECT_EQ(result.colorSpace(), Magick::sRGBColorspace) << coder;
    ExpectQuadrants(result, kFourColours, 8);
  }
}

// A profile of a larger colour space, and what a colour in it looks like in sRGB.
class WideProfile {
 public:
  WideProfile() {
    const cmsCIExyY white{0.3127, 0.3290, 1};
    const cmsCIExyYTRIPLE primaries{{0.64, 0.33, 1}, {0.21, 0.71, 1}, {0.15, 0.06, 1}};
    cmsToneCurve* const curve = cmsBuildGamma(nullptr, 2.2);
    cmsToneCurve* const curves[3] = {curve, curve, curve};
    profile_ = cmsCreateRGBProfile(&white, &primaries, curves);
    cmsFreeToneCurve(curve);
  }
  ~WideProfile() { cmsCloseProfile(profile_); }

  std::string Bytes() const {
    cmsUInt32Number length = 0;
    cmsSaveProfileToMem(profile_, nullptr, &length);
    std::string bytes(length, '\0');
    cmsSaveProfileToMem(profile_, bytes.data(), &length);
    return bytes;
  }

  Rgba ToSrgb(const Rgba& colour) const {
    Rgba result{0, 0, 0, 255};
    const cmsHPROFILE srgb = cmsCreate_sRGBProfile();
    const cmsHTRANSFORM transform =
        cmsCreateTransform(profile_, TYPE_RGB_8, srgb, TYPE_RGB_8, INTENT_PERCEPTUAL, 0);
    cmsDoTransform(transform, colour.data(), result.data(), 1);
    cmsDeleteTransform(transform);
    cmsCloseProfile(srgb);
    return result;
  }

 private:
  cmsHPROFILE profile_;
};

TEST_F(ImageNormaliserTest, ConvertsEmbeddedProfilesToSrgb) {
  const WideProfile wide;
  const Rgba colour{100, 180, 90, 255};
  const Rgba seen = wide.ToSrgb(colour);
  ASSERT_GT(Distance(colour, seen), 20);
  for (const std::string coder : {"PNG", "JPEG", "TIFF", "WEBP"}) {
    const Magick::Image result = Result(fixtures::EncodeWithProfile(
        Quadrants(900, 900, {colour, colour, colour, colour}), coder, "icc", wide.Bytes()));
    EXPECT_LE(Distance(PixelAt(result, 400, 400), seen), 4) << coder;
  }
}

TEST_F(ImageNormaliserTest, ShowsImagesWhoseProfileIsBroken) {
  const std::string wide = WideProfile().Bytes();
  for (const std::string& profile : {std::string("not a profile"), wide.substr(0, 200)}) {
    const std::string file =
        fixtures::AddJpegSegment(Encode(Quadrants(60, 40, kFourColours), "JPEG"), 0xE2,
                                 std::string("ICC_PROFILE\0\1\1", 14) + profile);
    ExpectQuadrants(Result(file), kFourColours, 6);
  }
}

TEST_F(ImageNormaliserTest, ReadsSixteenBits) {
  Magick::Image deep = Quadrants(60, 40, kFourColours);
  deep.depth(16);
  const std::string file = Encode(deep, "PNG:png48");
  ASSERT_EQ(fixtures::PngChunks(file)[0].content[8], 16);
  ExpectQuadrants(Result(file), kFourColours);
}

TEST_F(ImageNormaliserTest, ShowsTheFirstFrameOfAGifOnItsCanvas) {
  Magick::Image first = Quadrants(40, 20, {kRed, kRed, kRed, kRed});
  first.page(Magick::Geometry(100, 60, 50, 30));
  Magick::Image second = Quadrants(100, 60, {kBlue, kBlue, kBlue, kBlue});
  second.page(Magick::Geometry(100, 60, 0, 0));
  const Magick::Image result = Result(fixtures::EncodeAll({first, second}, "GIF"));
  EXPECT_EQ(result.columns(), 100U);
  EXPECT_EQ(result.rows(), 60U);
  EXPECT_EQ(PixelAt(result, 20, 20)[3], 0);
  EXPECT_EQ(PixelAt(result, 50, 30), kRed);
  EXPECT_EQ(PixelAt(result, 89, 49), kRed);
  EXPECT_EQ(PixelAt(result, 90, 50)[3], 0);
}

TEST_F(ImageNormaliserTest, ShowsTheFirstFrameOfAnAnimatedWebp) {
  const auto frame = [](const Rgba& colour, uint32_t left, uint32_t top) {
    const auto still =
        fixtures::WebpChunks(Encode(Quadrants(40, 20, {colour, colour, colour, colour}), "WEBP"));
    const auto& picture = still.back();
    using fixtures::Little;
    return fixtures::Chunk{"ANMF", Little(left / 2, 3) + Little(top / 2, 3) + Little(39, 3) +
                                       Little(19, 3) + Little(100, 3) + Little(0, 1) +
                                       picture.type + Little(picture.content.size(), 4) +
                                       picture.content +
                                       std::string(picture.content.size() % 2, '\0')};
  };
  using fixtures::Little;
  const std::string file =
      fixtures::WebpFile({{"VP8X", Little(0x12, 4) + Little(99, 3) + Little(59, 3)},
                          {"ANIM", Little(0, 6)},
                          frame(kRed, 50, 30),
                          frame(kBlue, 0, 0)});
  const Magick::Image result = Result(file);
  EXPECT_EQ(result.columns(), 100U);
  EXPECT_EQ(result.rows(), 60U);
  EXPECT_EQ(PixelAt(result, 20, 10)[3], 0);
  EXPECT_LE(Distance(PixelAt(result, 70, 40), kRed), 6);
}

TEST_F(ImageNormaliserTest, ShowsTheFirstPageOfATiff) {
  const Magick::Image red = Quadrants(40, 20, {kRed, kRed, kRed, kRed});
  const Magick::Image blue = Quadrants(90, 90, {kBlue, kBlue, kBlue, kBlue});
  const Magick::Image result = Result(fixtures::EncodeAll({red, blue}, "TIFF"));
  EXPECT_EQ(result.columns(), 40U);
  EXPECT_EQ(PixelAt(result, 10, 10), kRed);
}

TEST_F(ImageNormaliserTest, ReadsGeoTiffs) {
  for (const bool big_endian : {false, true}) {
    const std::string file = fixtures::Tiff(30, 20, kRed,
                                            {{33550, 12, 3, 8},
                                             {33922, 12, 6, 8},
                                             {34735, 3, 4, 8},
                                             {34736, 12, 2, 8},
                                             {34737, 2, 4, 0x41424300},
                                             {42112, 2, 4, 0x41424300},
                                             {42113, 2, 4, 0x2D390000},
                                             {65000, 4, 1, 7}},
                                            big_endian);
    const Magick::Image result = Result(file);
    EXPECT_EQ(result.columns(), 30U);
    EXPECT_EQ(PixelAt(result, 10, 10), kRed);
  }
}

TEST_F(ImageNormaliserTest, ReadsPngsWithTheProfileThatEveryLibraryComplainsAbout) {
  std::string png = "\x89PNG\r\n\x1A\n";
  for (const auto& [type, content] : fixtures::PngChunks(Encode(Photo(30, 20), "PNG"))) {
    png += fixtures::PngChunk(type, content);
    if (type == "IHDR") png += fixtures::PngChunk("iCCP", std::string("sRGB\0\0broken", 12));
  }
  EXPECT_EQ(ResultSize(png), (Size{30, 20}));
}

}  // namespace
}  // namespace gischat::moderation
