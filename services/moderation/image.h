#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace gischat::moderation {

// Width and height in pixels.
struct Size {
  uint64_t width = 0;
  uint64_t height = 0;
  friend bool operator==(const Size& a, const Size& b) = default;
};

// The size of an image fitted into a square of `side`: ratio kept, never enlarged, never 0. Of two
// whole numbers of pixels the one counts that is nearer to the ratio.
Size FitInto(uint64_t side, Size size);

// Turns image files of all sorts into clean PNGs. Immutable, thread-safe; one call uses one thread
// and up to 20 bytes of memory per pixel. StartImageLibrary() comes first.
class ImageNormaliser {
 public:
  struct Limits {
    uint64_t side = 800;           // pixels, of the square that images are fitted into
    uint64_t pixels = 50'000'000;  // of a file, by its header
    absl::Duration cpu_time = absl::Seconds(5);  // for one image
  };

  // Asked now and then from within Normalise(); true ends the work.
  using Abandoned = std::function<bool()>;

  explicit ImageNormaliser(const Limits& limits);

  // The first frame of a PNG, JPEG, GIF, WebP, BMP or TIFF file as a PNG: at most `side` wide and
  // high, 8 bits a channel, sRGB, turned as EXIF asks, transparency kept, without metadata.
  // kInvalidArgument, saying why, for any other file and for one that is broken or too large;
  // kDeadlineExceeded when it takes too long; kCancelled when abandoned.
  absl::StatusOr<std::string> Normalise(std::string_view file, const Abandoned& abandoned) const;

 private:
  Limits limits_;
  std::string srgb_;  // an ICC profile
};

}  // namespace gischat::moderation
