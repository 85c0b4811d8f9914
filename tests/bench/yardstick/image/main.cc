// What a picture costs when Magick++ only decodes it, fits it into a square and encodes it as PNG:
// one thread, no base64, no rules. The pictures that a chat server takes in a second are read as a
// share of this one's.
//
//   gischat-image-yardstick make FILE WIDTH HEIGHT   writes a picture with the detail of a photo
//   gischat-image-yardstick run FILE SIZE SECONDS    prints one JSON line

#include <time.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

// Leaves assert() broken for what comes behind it.
#include <Magick++.h>

namespace {

double SecondsOf(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

void Make(const std::string& path, const std::string& width, const std::string& height) {
  Magick::SetRandomSeed(1);  // the same picture every time
  Magick::Image image;
  image.size(absl::StrCat(width, "x", height));
  image.read("plasma:fractal");
  image.addNoise(Magick::GaussianNoise);
  image.blur(0, 0.8);
  image.quality(90);
  image.magick("JPEG");
  image.write(path);
}

void Convert(const Magick::Blob& in, const Magick::Geometry& box) {
  Magick::Image image(in);
  image.filterType(Magick::LanczosFilter);
  image.resize(box);
  image.magick("PNG");
  Magick::Blob out;
  image.write(&out);
}

void Run(const std::string& path, const std::string& size, double seconds) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const Magick::Blob blob(bytes.data(), bytes.size());
  const Magick::Geometry box(absl::StrCat(size, "x", size, ">"));
  Convert(blob, box);  // what is loaded at the first use
  const double began = SecondsOf(CLOCK_MONOTONIC);
  const double cpu_began = SecondsOf(CLOCK_PROCESS_CPUTIME_ID);
  int images = 0;
  double elapsed = 0;
  do {
    Convert(blob, box);
    ++images;
    elapsed = SecondsOf(CLOCK_MONOTONIC) - began;
  } while (elapsed < seconds);
  const double cpu = SecondsOf(CLOCK_PROCESS_CPUTIME_ID) - cpu_began;
  std::puts(absl::StrCat("{\"images\":", images, ",\"seconds\":", elapsed, ",\"per_second\":",
                         images / elapsed, ",\"cpu_seconds_each\":", cpu / images, "}")
                .c_str());
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc == 5 ? argv[1] : "";
  double seconds = 0;
  if ((what != "make" && what != "run") ||
      (what == "run" && (!absl::SimpleAtod(argv[4], &seconds) || !(seconds > 0)))) {
    std::fputs("usage: gischat-image-yardstick make FILE WIDTH HEIGHT | run FILE SIZE SECONDS\n",
               stderr);
    return 2;
  }
  try {
    Magick::InitializeMagick(argv[0]);
    Magick::ResourceLimits::thread(1);
    what == "make" ? Make(argv[2], argv[3], argv[4]) : Run(argv[2], argv[3], seconds);
  } catch (const std::exception& error) {
    std::fputs(absl::StrCat("gischat-image-yardstick: ", error.what(), "\n").c_str(), stderr);
    return 1;
  }
  return 0;
}
