#pragma once

#include <array>
#include <cstddef>
#include <map>

#include "absl/time/time.h"
#include "gischat/chat/v1/chat.pb.h"
#include "gischat/moderation/v1/moderation.pb.h"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
class Registry;
}  // namespace prometheus

namespace gischat::moderation {

enum class Verdict { kAccepted, kRejected, kFailed };

// Why an image was turned away without having been looked at.
enum class Refusal { kQueueFull, kWaitedTooLong, kCancelled };

// Where the outcome of an image came from.
enum class ImageSource { kDecoded, kKept, kShared };

// The metrics of the service:
//   gischat_moderation_reviews_total{kind,verdict}      kind as clients spell it, or "none";
//                                                       verdict "accepted", "rejected" or "failed"
//   gischat_moderation_violations_total{code}           code as in the proto, lower case
//   gischat_moderation_image_seconds                    of those that were decoded
//   gischat_moderation_images_waiting
//   gischat_moderation_images_total{source}             "decoded", "kept", or "shared": with the
//   same
//                                                       image, which was being decoded
//   gischat_moderation_image_cache_bytes
//   gischat_moderation_images_refused_total{reason}     "queue_full", "waited_too_long" or
//                                                       "cancelled"
// Thread-safe.
class Metrics {
 public:
  explicit Metrics(prometheus::Registry& registry);

  void CountReview(chat::v1::ChatMessage::KindCase kind, Verdict verdict);
  void CountViolation(v1::Violation::Code code);
  void CountRefusal(Refusal refusal);
  void CountImage(ImageSource source);
  void ObserveImage(absl::Duration took);  // one that was decoded
  void SetImageCacheBytes(size_t bytes);
  void ImageBeginsToWait();
  void ImageEndsToWait();

 private:
  static constexpr size_t kVerdicts = 3;
  static constexpr size_t kRefusals = 3;
  static constexpr size_t kImageSources = 3;

  // All are filled by the constructor and never change.
  std::map<chat::v1::ChatMessage::KindCase, std::array<prometheus::Counter*, kVerdicts>> reviews_;
  std::array<prometheus::Counter*, v1::Violation::Code_ARRAYSIZE> violations_{};
  std::array<prometheus::Counter*, kRefusals> refusals_{};
  std::array<prometheus::Counter*, kImageSources> images_{};
  prometheus::Histogram* image_seconds_ = nullptr;
  prometheus::Gauge* waiting_ = nullptr;
  prometheus::Gauge* cache_bytes_ = nullptr;
};

}  // namespace gischat::moderation
