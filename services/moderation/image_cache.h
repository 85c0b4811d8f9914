#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <string>

#include "services/moderation/sha256.h"

namespace gischat::moderation {

// What becomes of an image: the clean PNG in base64; empty when the image is bad.
using ImageOutcome = std::shared_ptr<const std::string>;

// What has become of images, by the digest of what was sent. Bounded in bytes: what was not asked
// for longest goes first. Not thread-safe.
class ImageCache {
 public:
  explicit ImageCache(size_t capacity) : capacity_(capacity) {}

  // Null when it is not there.
  ImageOutcome Find(const Sha256Digest& digest);

  // One that is larger than the whole cache is not kept.
  void Keep(const Sha256Digest& digest, ImageOutcome outcome);

  // What is kept, with what it takes to find it.
  size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    Sha256Digest digest;
    ImageOutcome outcome;
  };

  static size_t Cost(const ImageOutcome& outcome);

  const size_t capacity_;
  size_t bytes_ = 0;
  std::list<Entry> entries_;  // what was asked for last comes first
  std::map<Sha256Digest, std::list<Entry>::iterator> places_;
};

}  // namespace gischat::moderation
