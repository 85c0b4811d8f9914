#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/callback.h"
#include "services/moderation/image_cache.h"
#include "services/moderation/sha256.h"

namespace gischat::moderation {

class Metrics;

// Takes images, and has each worked on once: the same image again gets the outcome that is kept, or
// the one that somebody else's is about to have. Thread-safe. Nothing is called with a lock held.
//
//   desk.Take({image_data, &abandoned_, [this](absl::StatusOr<ImageOutcome> outcome) { ... }});
class ImageDesk {
 public:
  struct Bounds {
    size_t cache_bytes = size_t{32} << 20;  // of outcomes that are kept; 0: each image on its own
    size_t waiting = 64;                    // who waits for an outcome that somebody else began
    size_t waiting_bytes = size_t{256} << 20;  // sum of what they have sent
  };

  // Works on an image as sent, on the thread of Take(): a PNG in base64. kInvalidArgument: the
  // image is bad and always will be; kCancelled: `abandoned` has said so; any other error: the
  // image counts as bad this time.
  using Abandoned = std::function<bool()>;
  using Worker = std::function<absl::StatusOr<std::string>(std::string_view image_data,
                                                           const Abandoned& abandoned)>;

  // Somebody who wants to know what becomes of an image.
  struct Customer {
    // Both live until `done` is called.
    std::string_view image_data;                   // as sent; equal bytes are one image
    const std::atomic<bool>* abandoned = nullptr;  // set when it does not matter any more
    // kCancelled when nobody wanted the outcome any more; kResourceExhausted when too many wait for
    // an image that is worked on. On the thread of this or of somebody else's Take().
    base::Callback<ImageOutcome> done;
  };

  ImageDesk(const Bounds& bounds, Worker work, Metrics& metrics);

  // Returns when the outcome is known, or is on its way by somebody else's call. As long as one
  // customer wants an image, the work on it goes on.
  void Take(Customer customer);

 private:
  // Those who want one image. The first one's call does the work.
  using Customers = std::vector<Customer>;
  enum class Placed { kFirst, kWithOthers, kRefused, kServed };

  Placed Place(const Sha256Digest& digest, Customer& customer, ImageOutcome* kept);
  void Serve(const Sha256Digest& digest, std::string_view image_data);
  absl::StatusOr<std::string> Work(std::string_view image_data, const Abandoned& abandoned);
  Customers TakeOut(const Sha256Digest& digest);

  const Bounds bounds_;
  const Worker work_;
  Metrics& metrics_;

  std::mutex mutex_;
  ImageCache cache_;  // guarded by mutex_, as all below
  std::map<Sha256Digest, Customers> orders_;
  size_t waiting_ = 0;
  size_t waiting_bytes_ = 0;
};

}  // namespace gischat::moderation
