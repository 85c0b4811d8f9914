#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <vector>

#include "edge/codec/frame.h"

namespace gischat::edge::net {

// What waits to be written to one socket: shared frames, sent in order, several with one write.
// Confined to the socket's thread. Holds hardly any memory while empty.
class SendQueue {
 public:
  // Most frames that one write gathers.
  static constexpr size_t kGathered = 64;

  // Bytes of frames appended with `counted` are counted; a replay is not, since its size is known
  // beforehand and does not come from a slow reader.
  void Append(codec::SharedBytes bytes, bool counted);

  bool empty() const { return first_ == frames_.size(); }
  size_t counted_bytes() const { return counted_bytes_; }
  // Frames that there is memory for.
  size_t capacity() const { return frames_.capacity(); }

  // The next bytes to write. Returns how many pieces were filled in. Valid until the next call of
  // another function.
  size_t Gather(std::array<iovec, kGathered>* pieces) const;

  // So many bytes of the front were written.
  void Consume(size_t bytes);

  // Forgets every frame of which nothing was written yet.
  void DropUnsent();

 private:
  struct Waiting {
    codec::SharedBytes bytes;
    bool counted;
  };

  void PopFront();
  void Clear();

  std::vector<Waiting> frames_;
  size_t first_ = 0;    // frames before it are written
  size_t written_ = 0;  // bytes of the first frame that are written
  size_t counted_bytes_ = 0;
};

}  // namespace gischat::edge::net
