#pragma once

#include <cstddef>

#include "edge/codec/frame.h"

namespace gischat::edge::hub {

class DeliveryObserver;

// Compresses the frames of messages that are large enough, for clients that inflate. Thread-safe,
// and so is what it tells the observer.
class Compressor {
 public:
  // Messages of so many bytes are compressed. The observer outlives it.
  Compressor(size_t min_bytes, DeliveryObserver& observer)
      : min_bytes_(min_bytes), observer_(observer) {}

  // The frame to send instead of this one, which carries a whole text: the very same when the text
  // is small or does not get smaller.
  codec::SharedBytes Compress(const codec::SharedBytes& frame) const;

 private:
  const size_t min_bytes_;
  DeliveryObserver& observer_;
};

}  // namespace gischat::edge::hub
