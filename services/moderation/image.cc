#include "services/moderation/image.h"

#include <lcms2.h>
#include <magick/MagickCore.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "absl/strings/str_cat.h"
#include "services/moderation/image_file.h"

namespace gischat::moderation {
namespace {

constexpr uint64_t kMostWorkingBytesPerPixel = 12;

struct Destroy {
  void operator()(Image* image) const { DestroyImageList(image); }
  void operator()(ImageInfo* info) const { DestroyImageInfo(info); }
  void operator()(ExceptionInfo* exception) const { DestroyExceptionInfo(exception); }
};
using ImagePtr = std::unique_ptr<Image, Destroy>;
using InfoPtr = std::unique_ptr<ImageInfo, Destroy>;
using ExceptionPtr = std::unique_ptr<ExceptionInfo, Destroy>;

Size SizeOf(const Image& image) { return {image.columns, image.rows}; }

// The whole number next to `value` that `error` likes best, at least 1.
template <typename Error>
uint64_t NearestWhole(double value, Error error) {
  const double below = std::floor(value);
  const double above = std::ceil(value);
  const double best = below == 0 || error(above) < error(below) ? above : below;
  return static_cast<uint64_t>(std::max(best, 1.0));
}

absl::Duration ThreadCpuTime() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return absl::DurationFromTimespec(time);
}

// Ends the work on an image that nobody wants any more or that takes too long. Strictly local to
// one call of Normalise() and its thread.
class Watch {
 public:
  Watch(absl::Duration cpu_time, const ImageNormaliser::Abandoned& abandoned)
      : ends_(ThreadCpuTime() + cpu_time), abandoned_(abandoned) {}

  // Called by ImageMagick for every few rows of every step.
  static MagickBooleanType OnProgress(const char*, MagickOffsetType, MagickSizeType, void* watch) {
    return static_cast<Watch*>(watch)->Check().ok() ? MagickTrue : MagickFalse;
  }

  // ImageMagick may hand over a partial image after a refused progress: ask after every step.
  absl::Status Check() {
    if (!status_.ok()) return status_;
    if (abandoned_()) {
      status_ = absl::CancelledError("nobody waits for the image any more");
    } else if (ThreadCpuTime() > ends_) {
      status_ = absl::DeadlineExceededError("takes too long to decode");
    }
    return status_;
  }

  // OK unless the work was ended.
  const absl::Status& status() const { return status_; }

 private:
  absl::Duration ends_;
  const ImageNormaliser::Abandoned& abandoned_;
  absl::Status status_;
};

// Whether the picture is as good as without the complaint. Structure and completeness have been
// checked before; what is left are remarks on metadata, which is dropped anyway.
bool IsHarmless(std::string_view coder, const ExceptionInfo& complaint) {
  const std::string_view words = complaint.reason == nullptr ? "" : complaint.reason;
  const auto mentions = [&](std::string_view part) {
    return words.find(part) != std::string_view::npos;
  };
  if (complaint.severity >= ErrorException) return false;
  // libtiff's names of its functions that read tags, as against those that read pixels.
  if (coder == "TIFF") return mentions("`TIFFReadDirectory") || mentions("`TIFFFetch");
  // A libpng that finds pixels wanting says so with an error.
  if (coder == "PNG") return complaint.severity == CoderWarning;
  if (coder == "JPEG") return mentions("extraneous bytes before marker");
  return false;
}

absl::Status Judge(std::string_view coder, ExceptionInfo& exception) {
  constexpr size_t kMostComplaints = 50;  // ImageMagick forgets what comes after the 64th
  auto* const complaints = static_cast<LinkedListInfo*>(exception.exceptions);
  if (exception.severity == UndefinedException || complaints == nullptr) return absl::OkStatus();
  if (GetNumberOfElementsInLinkedList(complaints) > kMostComplaints) {
    return absl::InvalidArgumentError(absl::StrCat(std::string(coder), ": broken in many places"));
  }
  ResetLinkedListIterator(complaints);
  while (const void* next = GetNextValueInLinkedList(complaints)) {
    const auto& complaint = *static_cast<const ExceptionInfo*>(next);
    if (IsHarmless(coder, complaint)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(std::string(coder), ": ", complaint.reason == nullptr ? "" : complaint.reason,
                     " ", complaint.description == nullptr ? "" : complaint.description));
  }
  return absl::OkStatus();
}

InfoPtr MakeInfo(const std::string& coder, Watch& watch) {
  InfoPtr info(CloneImageInfo(nullptr));
  // The name with the coder in front forbids ImageMagick to guess another one.
  CopyMagickString(info->magick, coder.c_str(), MaxTextExtent);
  CopyMagickString(info->filename, absl::StrCat(coder, ":image").c_str(), MaxTextExtent);
  info->affirm = MagickTrue;
  SetImageInfoProgressMonitor(info.get(), &Watch::OnProgress, &watch);
  return info;
}

// The decoder of JPEG can leave out the detail of halves, quarters or eighths, up to ten times as
// fast and in a sixteenth of the memory. At least twice the target leaves the choice of what is
// seen to the resizing.
void AllowCoarseJpeg(ImageInfo& info, Size size, Size target) {
  const Size enough{2 * target.width, 2 * target.height};
  if (size.width < 2 * enough.width || size.height < 2 * enough.height) return;
  SetImageOption(&info, "jpeg:size", absl::StrCat(enough.width, "x", enough.height).c_str());
}

// What is given to the decoder.
std::string_view Decodable(std::string_view bytes, const ImageFile& file) {
  if (!file.first_frame.empty()) return file.first_frame;
  return file.without_metadata.empty() ? bytes : std::string_view(file.without_metadata);
}

// Decodes the first frame. `target` is the size that it will be resized to.
absl::StatusOr<ImagePtr> Decode(std::string_view bytes, const ImageFile& file, Size target,
                                Watch& watch) {
  const InfoPtr info = MakeInfo(file.coder, watch);
  info->scene = 0;
  info->number_scenes = 1;
  AllowCoarseJpeg(*info, {file.width, file.height}, target);
  SetImageOption(info.get(), "tiff:ignore-layers", "true");
  SetImageOption(info.get(), "tiff:exif-properties", "false");
  const ExceptionPtr exception(AcquireExceptionInfo());
  ImagePtr image(BlobToImage(info.get(), bytes.data(), bytes.size(), exception.get()));
  if (absl::Status status = watch.Check(); !status.ok()) return status;
  if (absl::Status status = Judge(file.coder, *exception); !status.ok()) return status;
  if (image == nullptr) return absl::InvalidArgumentError("no image");
  if (absl::Status status = Judge(file.coder, image->exception); !status.ok()) return status;
  return image;
}

// What becomes of an image from step to step.
class Picture {
 public:
  Picture(ImagePtr image, Watch& watch)
      : image_(std::move(image)), watch_(watch), exception_(AcquireExceptionInfo()) {}

  // Puts the first frame of an animation in its place on the canvas that a viewer shows.
  absl::Status PlaceOnCanvas(const ImageFile& file) {
    if (file.coder != "GIF" && file.first_frame.empty()) return absl::OkStatus();
    ResetImagePage(image_.get(), "0x0+0+0");
    if (SizeOf(*image_) == Size{file.width, file.height}) return absl::OkStatus();
    ImagePtr canvas(
        CloneImage(image_.get(), file.width, file.height, MagickTrue, exception_.get()));
    if (canvas == nullptr) return Failure("canvas");
    QueryColorDatabase("none", &canvas->background_color, exception_.get());
    SetImageAlphaChannel(canvas.get(), OpaqueAlphaChannel);
    if (SetImageBackgroundColor(canvas.get()) == MagickFalse ||
        CompositeImage(canvas.get(), CopyCompositeOp, image_.get(),
                       static_cast<ssize_t>(file.frame_left),
                       static_cast<ssize_t>(file.frame_top)) == MagickFalse) {
      return Failure("canvas");
    }
    image_ = std::move(canvas);
    return watch_.Check();
  }

  absl::Status Resize(Size target) {
    // Lanczos looks at every pixel of the original some six times. Averaging whole blocks first,
    // to no less than twice the target, costs a fraction, and what it blurs lies beyond what the
    // target can show.
    const Size size = SizeOf(*image_);
    const uint64_t block =
        std::min(size.width / (2 * target.width), size.height / (2 * target.height));
    if (block >= 2) {
      const Size smaller{(size.width + block - 1) / block, (size.height + block - 1) / block};
      if (absl::Status status = Become(
              ScaleImage(image_.get(), smaller.width, smaller.height, exception_.get()), "scale");
          !status.ok()) {
        return status;
      }
    }
    if (SizeOf(*image_) == target) return absl::OkStatus();
    return Become(ResizeImage(image_.get(), target.width, target.height, LanczosFilter, 1.0,
                              exception_.get()),
                  "resize");
  }

  // To sRGB by the embedded profile, when it fits the pixels. What has none and is not RGB (CMYK,
  // Lab) is converted by the PNG encoder.
  absl::Status Convert(const std::string& srgb) {
    if (GetImageProfile(image_.get(), "icc") == nullptr) return absl::OkStatus();
    image_->black_point_compensation = MagickTrue;
    ProfileImage(image_.get(), "icc", srgb.data(), srgb.size(), MagickTrue);
    return watch_.Check();
  }

  // As EXIF asks; ImageMagick numbers orientations as EXIF does.
  absl::Status Turn(int orientation) {
    if (orientation == 1) return absl::OkStatus();
    return Become(
        AutoOrientImage(image_.get(), static_cast<OrientationType>(orientation), exception_.get()),
        "turn");
  }

  absl::StatusOr<std::string> ToPng() {
    StripImage(image_.get());
    ResetImagePage(image_.get(), "0x0+0+0");
    image_->depth = 8;
    const InfoPtr info = MakeInfo("PNG", watch_);
    SetImageOption(info.get(), "png:bit-depth", "8");
    // Filters chosen row by row, and a sixth of the time of the default level for a few percent
    // more bytes.
    SetImageOption(info.get(), "png:compression-filter", "5");
    SetImageOption(info.get(), "png:compression-level", "4");
    // All but what it takes to show the pixels (tRNS stays).
    SetImageOption(info.get(), "png:exclude-chunks",
                   "bKGD,caNv,cHRM,date,eXIf,gAMA,iCCP,iTXt,oFFs,pHYs,sRGB,tEXt,tIME,vpAg,zCCP,"
                   "zTXt");
    size_t length = 0;
    const std::unique_ptr<unsigned char, void* (*)(void*)> blob(
        ImageToBlob(info.get(), image_.get(), &length, exception_.get()), &RelinquishMagickMemory);
    if (absl::Status status = watch_.Check(); !status.ok()) return status;
    if (blob == nullptr || length == 0) return Failure("encode");
    return std::string(reinterpret_cast<const char*>(blob.get()), length);
  }

 private:
  absl::Status Become(Image* next, std::string_view step) {
    ImagePtr owned(next);
    if (absl::Status status = watch_.Check(); !status.ok()) return status;
    if (owned == nullptr) return Failure(step);
    image_ = std::move(owned);
    return absl::OkStatus();
  }

  absl::Status Failure(std::string_view step) const {
    return absl::InvalidArgumentError(absl::StrCat(
        std::string(step), ": ", exception_->reason == nullptr ? "failed" : exception_->reason));
  }

  ImagePtr image_;
  Watch& watch_;
  ExceptionPtr exception_;
};

// The size of the fitted image before it is turned.
Size Target(const ImageFile& file, uint64_t side) {
  const bool sideways = file.orientation >= 5;
  if (!sideways) return FitInto(side, {file.width, file.height});
  const Size turned = FitInto(side, {file.height, file.width});
  return {turned.height, turned.width};
}

absl::StatusOr<std::string> MakePng(std::string_view bytes, const ImageFile& file, Size target,
                                    const std::string& srgb, Watch& watch) {
  absl::StatusOr<ImagePtr> image = Decode(Decodable(bytes, file), file, target, watch);
  if (!image.ok()) return image.status();
  Picture picture(*std::move(image), watch);
  absl::Status status = picture.PlaceOnCanvas(file);
  if (status.ok()) status = picture.Resize(target);
  if (status.ok()) status = picture.Convert(srgb);
  if (status.ok()) status = picture.Turn(file.orientation);
  if (!status.ok()) return status;
  return picture.ToPng();
}

std::string MakeSrgbProfile() {
  const cmsHPROFILE profile = cmsCreate_sRGBProfile();
  cmsUInt32Number length = 0;
  cmsSaveProfileToMem(profile, nullptr, &length);
  std::string bytes(length, '\0');
  cmsSaveProfileToMem(profile, bytes.data(), &length);
  cmsCloseProfile(profile);
  return bytes;
}

}  // namespace

Size FitInto(uint64_t side, Size size) {
  if (size.width <= side && size.height <= side) return size;
  const double ratio = static_cast<double>(size.width) / static_cast<double>(size.height);
  const double length = static_cast<double>(side);
  if (size.width >= size.height) {
    return {side, NearestWhole(length / ratio,
                               [&](double rows) { return std::fabs(ratio - length / rows); })};
  }
  return {NearestWhole(length * ratio,
                       [&](double columns) { return std::fabs(ratio - columns / length); }),
          side};
}

ImageNormaliser::ImageNormaliser(const Limits& limits)
    : limits_(limits), srgb_(MakeSrgbProfile()) {}

absl::StatusOr<std::string> ImageNormaliser::Normalise(std::string_view bytes,
                                                       const Abandoned& abandoned) const {
  const absl::StatusOr<ImageFile> file = InspectImageFile(bytes);
  if (!file.ok()) return file.status();
  const Size size{file->width, file->height};
  if (size.width > limits_.pixels / size.height ||
      file->working_bytes > limits_.pixels * kMostWorkingBytesPerPixel) {
    return absl::InvalidArgumentError(
        absl::StrCat(file->coder, ": ", size.width, "x", size.height, " is too large"));
  }
  Watch watch(limits_.cpu_time, abandoned);
  absl::StatusOr<std::string> png =
      MakePng(bytes, *file, Target(*file, limits_.side), srgb_, watch);
  // A step that was stopped may call the image broken.
  if (!watch.status().ok()) return watch.status();
  return png;
}

}  // namespace gischat::moderation
