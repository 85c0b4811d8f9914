#include "edge/hub/run.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

namespace gischat::edge::hub {
namespace {

// From here on sharing a frame is cheaper than copying it.
constexpr size_t kLargeFrame = 8 << 10;
// A slow reader keeps a piece until it has read all of it.
constexpr size_t kLargePiece = 64 << 10;

}  // namespace

const std::vector<codec::SharedBytes>& Run::Pieces(codec::Shape shape,
                                                   const Compressor* compressor) {
  Joined& joined = (compressor == nullptr ? plain_ : compressed_)[static_cast<size_t>(shape)];
  if (std::exchange(joined.done, true)) return joined.pieces;
  if (compressor != nullptr && !IsCompressed(shape, *compressor)) {
    joined.pieces = Pieces(shape);
  } else {
    joined.pieces = Join(shape, compressor);
  }
  return joined.pieces;
}

bool Run::IsCompressed(codec::Shape shape, const Compressor& compressor) const {
  return std::any_of(messages_.begin(), messages_.end(), [&](const BroadcastPtr& message) {
    return message->Frame(shape, &compressor) != message->Frame(shape);
  });
}

std::vector<codec::SharedBytes> Run::Join(codec::Shape shape, const Compressor* compressor) const {
  std::vector<codec::SharedBytes> pieces;
  if (messages_.size() == 1) {
    if (const auto& frame = messages_[0]->Frame(shape, compressor)) pieces.push_back(frame);
    return pieces;
  }
  std::string small;
  const auto end_piece = [&] {
    if (!small.empty()) {
      pieces.push_back(std::make_shared<const std::string>(std::exchange(small, {})));
    }
  };
  for (const BroadcastPtr& message : messages_) {
    const codec::SharedBytes& frame = message->Frame(shape, compressor);
    if (frame == nullptr) continue;
    if (small.size() + frame->size() > kLargePiece) end_piece();
    if (frame->size() < kLargeFrame) {
      small += *frame;
    } else {
      end_piece();
      pieces.push_back(frame);
    }
  }
  end_piece();
  return pieces;
}

}  // namespace gischat::edge::hub
