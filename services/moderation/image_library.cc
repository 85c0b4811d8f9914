#include "services/moderation/image_library.h"

#include <magick/MagickCore.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "services/moderation/policy.h"

namespace gischat::moderation {
namespace {

// Eight bytes a pixel in the pixel cache, as many again for what decoders unpack into (interlaced
// PNG with 16 bits, layers of TIFF), and a little for the resized pictures.
constexpr uint64_t kBytesPerPixel = 20;
constexpr uint64_t kBytesPerWorker = uint64_t{64} << 20;

// A private folder with our policy file, for as long as ImageMagick needs to find it. ImageMagick
// takes the policy from nowhere else, and limits that another policy has set can't be raised.
class PolicyFolder {
 public:
  PolicyFolder() {
    std::error_code error;
    for (const auto& parent : {std::filesystem::temp_directory_path(error),
                               std::filesystem::path("/tmp"), std::filesystem::path("/dev/shm")}) {
      if (parent.empty()) continue;
      std::string pattern = (parent / "gischat-moderation-XXXXXX").string();
      if (::mkdtemp(pattern.data()) == nullptr) continue;
      path_ = pattern;
      std::ofstream file(path_ / "policy.xml");
      file << kPolicyXml << std::flush;
      written_ = file.good();
      if (written_) return;
      Remove();
    }
  }
  ~PolicyFolder() { Remove(); }
  PolicyFolder(const PolicyFolder&) = delete;
  PolicyFolder& operator=(const PolicyFolder&) = delete;

  bool written() const { return written_; }
  std::string path() const { return path_.string(); }

 private:
  void Remove() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }

  std::filesystem::path path_;
  bool written_ = false;
};

// Whether the policy in force is ours: it refuses what the system's policy allows.
bool PolicyIsOurs() {
  return IsRightsAuthorized(CoderPolicyDomain, ReadPolicyRights, "SVG") == MagickFalse &&
         IsRightsAuthorized(CoderPolicyDomain, ReadPolicyRights, "PNG") != MagickFalse &&
         GetMagickResourceLimit(DiskResource) == 0;
}

absl::Status HasCoders() {
  ExceptionInfo* const exception = AcquireExceptionInfo();
  absl::Status status;
  for (const char* coder : {"BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP"}) {
    const MagickInfo* const info = GetMagickInfo(coder, exception);
    if (info == nullptr || info->decoder == nullptr) {
      status = absl::FailedPreconditionError(absl::StrCat("ImageMagick can't read ", coder));
    }
  }
  DestroyExceptionInfo(exception);
  return status;
}

absl::Status Start() {
  const PolicyFolder folder;
  if (!folder.written()) {
    return absl::FailedPreconditionError(
        "ImageMagick's policy can't be written: neither TMPDIR nor /tmp nor /dev/shm is writable");
  }
  constexpr char kVariable[] = "MAGICK_CONFIGURE_PATH";
  ::setenv(kVariable, folder.path().c_str(), 1);
  MagickCoreGenesis(nullptr, MagickFalse);
  ::unsetenv(kVariable);
  // Whatever goes wrong is in the answer of the function that met it.
  SetWarningHandler(nullptr);
  SetErrorHandler(nullptr);
  if (!PolicyIsOurs()) {
    return absl::FailedPreconditionError("ImageMagick ignores the policy of this program");
  }
  SetMagickResourceLimit(ThreadResource, 1);
  return HasCoders();
}

void Widen(ResourceType resource, uint64_t& limit, uint64_t wanted) {
  limit = std::max(limit, wanted);
  SetMagickResourceLimit(resource, limit);
}

}  // namespace

absl::Status StartImageLibrary(uint64_t workers, uint64_t max_pixels) {
  static const absl::Status started = Start();
  static uint64_t memory = 0;
  static uint64_t area = 0;
  if (!started.ok()) return started;
  Widen(MemoryResource, memory, workers * (max_pixels * kBytesPerPixel + kBytesPerWorker));
  Widen(AreaResource, area, max_pixels + 1);  // the limit itself counts as passed
  return absl::OkStatus();
}

}  // namespace gischat::moderation
