#include "services/moderation/image_cache.h"

#include <utility>

namespace gischat::moderation {
namespace {

// Of an entry besides its outcome's text: nodes of the list and of the map, control blocks.
constexpr size_t kBytesPerEntry = 256;

}  // namespace

ImageOutcome ImageCache::Find(const Sha256Digest& digest) {
  const auto place = places_.find(digest);
  if (place == places_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, place->second);
  return place->second->outcome;
}

void ImageCache::Keep(const Sha256Digest& digest, ImageOutcome outcome) {
  const size_t cost = Cost(outcome);
  if (cost > capacity_ || Find(digest) != nullptr) return;
  while (bytes_ + cost > capacity_) {
    bytes_ -= Cost(entries_.back().outcome);
    places_.erase(entries_.back().digest);
    entries_.pop_back();
  }
  entries_.push_front({digest, std::move(outcome)});
  places_.emplace(digest, entries_.begin());
  bytes_ += cost;
}

size_t ImageCache::Cost(const ImageOutcome& outcome) { return kBytesPerEntry + outcome->size(); }

}  // namespace gischat::moderation
