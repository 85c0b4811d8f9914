#include "edge/net/send_queue.h"

#include <algorithm>
#include <utility>

namespace gischat::edge::net {
namespace {

// Written frames are cleared out of the vector once there are so many of them.
constexpr size_t kCompactAfter = 256;
// An empty queue keeps the memory for so few frames.
constexpr size_t kKeptFrames = 4;

}  // namespace

void SendQueue::Append(codec::SharedBytes bytes, bool counted) {
  if (bytes->empty()) return;  // nothing to write: it would stand in front for ever
  if (counted) counted_bytes_ += bytes->size();
  frames_.push_back({std::move(bytes), counted});
}

size_t SendQueue::Gather(std::array<iovec, kGathered>* pieces) const {
  const size_t count = std::min(frames_.size() - first_, kGathered);
  for (size_t i = 0; i < count; ++i) {
    const std::string& bytes = *frames_[first_ + i].bytes;
    const size_t from = i == 0 ? written_ : 0;
    // The interface of the system only lacks the const.
    (*pieces)[i] = {const_cast<char*>(bytes.data()) + from, bytes.size() - from};
  }
  return count;
}

void SendQueue::Consume(size_t bytes) {
  while (bytes > 0) {
    const size_t left = frames_[first_].bytes->size() - written_;
    if (bytes < left) {
      written_ += bytes;
      return;
    }
    bytes -= left;
    PopFront();
  }
}

void SendQueue::PopFront() {
  Waiting& front = frames_[first_];
  if (front.counted) counted_bytes_ -= front.bytes->size();
  front.bytes.reset();
  written_ = 0;
  ++first_;
  if (first_ == frames_.size()) {
    Clear();
  } else if (first_ == kCompactAfter) {
    frames_.erase(frames_.begin(), frames_.begin() + kCompactAfter);
    first_ = 0;
  }
}

void SendQueue::Clear() {
  first_ = 0;
  frames_.clear();
  if (frames_.capacity() > kKeptFrames) std::vector<Waiting>().swap(frames_);
}

void SendQueue::DropUnsent() {
  if (empty()) return;
  const size_t keep = first_ + (written_ > 0 ? 1 : 0);
  for (size_t i = keep; i < frames_.size(); ++i) {
    if (frames_[i].counted) counted_bytes_ -= frames_[i].bytes->size();
  }
  frames_.resize(keep);
  if (empty()) {
    Clear();
  }
}

}  // namespace gischat::edge::net
