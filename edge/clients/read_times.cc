#include "edge/clients/read_times.h"

#include <functional>

namespace gischat::edge::clients {

uint64_t PublishToken(const std::string& publisher, uint64_t sequence) {
  return std::hash<std::string>()(publisher) + sequence;
}

void ReadTimes::Begin(const std::string& publisher) {
  base_ = PublishToken(publisher, 0);
  first_ = 1;
  read_.clear();
}

void ReadTimes::Note(uint64_t number, Clock::time_point read) {
  if (number < first_) return;  // heard already
  const uint64_t index = number - first_;
  if (index < read_.size()) {
    read_[index] = read;
    return;
  }
  read_.push_back(read);
  if (read_.size() <= kMost) return;
  read_.pop_front();
  ++first_;
}

std::optional<ReadTimes::Clock::time_point> ReadTimes::Take(uint64_t token) {
  const uint64_t index = token - base_ - first_;
  if (index >= read_.size()) return std::nullopt;  // of another publisher, or heard before
  const Clock::time_point read = read_[index];
  // They are heard in order: those before it never will be.
  read_.erase(read_.begin(), read_.begin() + static_cast<ptrdiff_t>(index) + 1);
  first_ += index + 1;
  return read;
}

}  // namespace gischat::edge::clients
