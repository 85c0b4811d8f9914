#include "edge/hub/compressor.h"

#include "edge/hub/delivery_observer.h"

namespace gischat::edge::hub {

codec::SharedBytes Compressor::Compress(const codec::SharedBytes& frame) const {
  const std::string_view text = codec::PayloadOf(*frame);
  if (text.size() < min_bytes_) return frame;
  codec::SharedBytes deflated = codec::MakeDeflatedTextFrame(text);
  if (deflated == nullptr) deflated = frame;
  observer_.OnCompressed(text.size(), codec::PayloadOf(*deflated).size());
  return deflated;
}

}  // namespace gischat::edge::hub
