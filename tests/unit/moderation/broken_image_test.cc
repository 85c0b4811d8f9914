// Files that are broken, hostile or unwanted.

#include <gtest/gtest.h>
#include <malloc.h>

#include <fstream>
#include <random>

#include "services/moderation/image.h"
#include "services/moderation/image_library.h"
#include "tests/unit/moderation/image_fixtures.h"

namespace gischat::moderation {
namespace {

using fixtures::Encode;
using fixtures::kRed;
using fixtures::Photo;

bool Never() { return false; }

class BrokenImages : public testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(StartImageLibrary(1, 50'000'000).ok()); }

  absl::StatusOr<std::string> Normalise(const std::string& file) const {
    return normaliser_.Normalise(file, Never);
  }

  ImageNormaliser normaliser_{{}};
};

TEST_F(BrokenImages, RefusesFilesThatAreCutShort) {
  for (const std::string coder : {"PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"}) {
    const std::string file = Encode(Photo(200, 150), coder);
    ASSERT_TRUE(Normalise(file).ok()) << coder;
    for (size_t size = 0; size < file.size(); size += 1 + file.size() / 50) {
      EXPECT_FALSE(Normalise(file.substr(0, size)).ok()) << coder << " cut to " << size;
    }
    EXPECT_FALSE(Normalise(file.substr(0, file.size() - 1)).ok()) << coder;
  }
}

// ImageMagick 6 keeps what it has read of a broken EXIF chunk for ever.
TEST_F(BrokenImages, MetadataThatIsBrokenIsForgotten) {
  constexpr size_t kBehindHeader = 8 + 12 + 13;
  constexpr size_t kMetadata = 2 << 20;
  constexpr size_t kRounds = 20;
  std::string png = Encode(Photo(20, 15), "PNG");
  png.insert(kBehindHeader, fixtures::PngChunk("exIf", std::string(kMetadata, 'x')) +
                                fixtures::PngChunk("eXIf", std::string(kMetadata, 'x')));
  EXPECT_TRUE(Normalise(png).ok());
  const size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  for (size_t round = 0; round < kRounds; ++round) EXPECT_TRUE(Normalise(png).ok());
  const size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
  EXPECT_LT(after, before + kRounds * kMetadata / 2);
}

// A file whose structure is whole but whose pixels end early.
TEST_F(BrokenImages, RefusesFilesWithoutAllPixels) {
  const std::string jpeg = Encode(Photo(200, 150), "JPEG");
  EXPECT_FALSE(Normalise(jpeg.substr(0, jpeg.size() / 2) + "\xFF\xD9").ok());

  std::string png = "\x89PNG\r\n\x1A\n";
  for (auto& [type, content] : fixtures::PngChunks(Encode(Photo(200, 150), "PNG"))) {
    if (type == "IDAT") content.resize(content.size() / 2);
    png += fixtures::PngChunk(type, content);
  }
  EXPECT_FALSE(Normalise(png).ok());

  auto webp = fixtures::WebpChunks(Encode(Photo(200, 150), "WEBP"));
  webp.back().content.resize(webp.back().content.size() / 2);
  EXPECT_FALSE(Normalise(fixtures::WebpFile(webp)).ok());

  const std::string gif = Encode(Photo(200, 150), "GIF");
  const size_t pixels = gif.size() - 600;  // in the middle of the sub-blocks of the only frame
  std::string cut = gif.substr(0, pixels);
  for (size_t at = 0; at < 300; ++at) {
    if (Normalise(cut + std::string(at, '\0') + std::string("\0;", 2)).ok()) {
      ADD_FAILURE() << "a GIF without its last pixels is accepted";
      break;
    }
  }
}

TEST_F(BrokenImages, SurvivesFlippedBits) {
  std::mt19937 random(4711);
  for (const std::string coder : {"PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"}) {
    const std::string file = Encode(Photo(60, 45), coder);
    for (int round = 0; round < 300; ++round) {
      std::string broken = file;
      const size_t flips = 1 + random() % 4;
      for (size_t flip = 0; flip < flips; ++flip) {
        char& byte = broken[random() % broken.size()];
        byte = static_cast<char>(byte ^ 1 << random() % 8);
      }
      const absl::StatusOr<std::string> png = Normalise(broken);
      EXPECT_TRUE(png.ok() || absl::IsInvalidArgument(png.status())) << png.status();
    }
  }
}

uint64_t PeakMemory() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == "VmHWM:") {
      uint64_t kilobytes = 0;
      status >> kilobytes;
      return kilobytes * 1024;
    }
  }
  return 0;
}

void ResetPeakMemory() { std::ofstream("/proc/self/clear_refs") << "5"; }

TEST_F(BrokenImages, RefusesTooManyPixelsWithoutDecodingThem) {
  using fixtures::Big;
  using fixtures::Little;
  std::string jpeg = Encode(Photo(64, 64), "JPEG");
  jpeg.replace(jpeg.find("\xFF\xC0") + 5, 4, Big(65000, 2) + Big(65000, 2));
  std::string gif = Encode(Photo(64, 64), "GIF");
  gif.replace(6, 4, Little(65000, 2) + Little(65000, 2));
  std::string bmp = Encode(Photo(64, 64), "BMP:bmp3");
  bmp.replace(18, 8, Little(60000, 4) + Little(60000, 4));
  std::string webp = fixtures::WebpFile(
      {{"VP8X", Little(0, 4) + Little(16382, 3) + Little(16382, 3)}, {"VP8L", "/12345"}});
  const std::string files[] = {
      fixtures::PngThatClaims(60000, 60000),
      fixtures::PngThatClaims(0x7FFFFFFF, 0x7FFFFFFF),
      fixtures::PngThatClaims(50'000'001, 1),
      jpeg,
      gif,
      bmp,
      webp,
      fixtures::Tiff(100, 100, kRed, {{322, 4, 1, 60000}, {323, 4, 1, 60000}})};
  ResetPeakMemory();
  const uint64_t before = PeakMemory();
  for (const std::string& file : files) {
    const absl::StatusOr<std::string> png = Normalise(file);
    EXPECT_EQ(png.status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_LT(PeakMemory() - before, uint64_t{16} << 20);
}

TEST_F(BrokenImages, AllowsTheLimitOfPixelsItself) {
  const ImageNormaliser strict({.side = 800, .pixels = 100});
  EXPECT_TRUE(strict.Normalise(Encode(Photo(10, 10), "PNG"), Never).ok());
  EXPECT_FALSE(strict.Normalise(Encode(Photo(101, 1), "PNG"), Never).ok());
}

TEST_F(BrokenImages, StopsWhenNobodyWaitsAnyMore) {
  Magick::Image on_canvas = Photo(900, 600);
  on_canvas.page(Magick::Geometry(1000, 700, 50, 50));
  std::vector<std::pair<std::string, std::string>> files = {{"GIF", Encode(on_canvas, "GIF")}};
  for (const std::string coder : {"PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"}) {
    files.emplace_back(coder, Encode(Photo(900, 600), coder));
  }
  for (const auto& [coder, file] : files) {
    int asked = 0;
    EXPECT_TRUE(normaliser_.Normalise(file, [&] { return ++asked < 0; }).ok());
    EXPECT_GT(asked, 10) << coder;
    for (int round = 1; round < asked; round += 1 + asked / 20) {
      int left = round;
      const auto png = normaliser_.Normalise(file, [&] { return --left < 0; });
      EXPECT_EQ(png.status().code(), absl::StatusCode::kCancelled) << coder << " at " << round;
    }
  }
}

TEST_F(BrokenImages, RefusesWhatTakesTooLong) {
  const ImageNormaliser impatient({.cpu_time = absl::Milliseconds(5)});
  const auto png = impatient.Normalise(
      Encode(fixtures::Quadrants(2000, 2000, {kRed, kRed, kRed, kRed}), "PNG"), Never);
  EXPECT_EQ(png.status().code(), absl::StatusCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace gischat::moderation
