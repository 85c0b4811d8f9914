#pragma once

#include <array>
#include <vector>

#include "edge/codec/api.h"
#include "edge/codec/frame.h"
#include "edge/hub/broadcast.h"

namespace gischat::edge::hub {

// Messages that follow each other in a channel and that all of its members are shown: handed to
// each member as few pieces of bytes, so that its cost per member hardly depends on their number.
class Run {
 public:
  bool empty() const { return messages_.empty(); }
  const std::vector<BroadcastPtr>& messages() const { return messages_; }

  void Add(BroadcastPtr message) { messages_.push_back(std::move(message)); }

  // The frames for clients of that shape, in order: small ones joined, large ones as they are.
  // `compressor`: as of Broadcast::Frame; where it has nothing to compress the pieces are those of
  // the others. Rendered by the first call; nothing is added afterwards.
  const std::vector<codec::SharedBytes>& Pieces(codec::Shape shape,
                                                const Compressor* compressor = nullptr);

 private:
  struct Joined {
    bool done = false;
    std::vector<codec::SharedBytes> pieces;
  };
  using PerShape = std::array<Joined, codec::kShapes>;

  bool IsCompressed(codec::Shape shape, const Compressor& compressor) const;
  std::vector<codec::SharedBytes> Join(codec::Shape shape, const Compressor* compressor) const;

  std::vector<BroadcastPtr> messages_;
  PerShape plain_;
  PerShape compressed_;
};

}  // namespace gischat::edge::hub
