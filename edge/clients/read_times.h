#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace gischat::edge::clients {

// Stands for a message by its publisher and the number that this one gave it. The numbers of one
// publisher are as far apart as their tokens, so that it knows its own.
uint64_t PublishToken(const std::string& publisher, uint64_t sequence);

// When the messages that a publisher has sent were read from their clients, until they are heard in
// the channel. Costs hardly more than the eight bytes that it keeps for each. Not thread-safe.
class ReadTimes {
 public:
  using Clock = std::chrono::steady_clock;

  // Of a channel whose events are not heard, so many are remembered.
  static constexpr size_t kMost = 10'000;

  // Another publisher takes over, whose first number is 1.
  void Begin(const std::string& publisher);

  // The message of that number was sent: the number that follows the last one, or one of those
  // before, which may stand for another message now if the store had taken none.
  void Note(uint64_t number, Clock::time_point read);

  // An event was heard. When its message was read, if it is one of these and was not heard before.
  std::optional<Clock::time_point> Take(uint64_t token);

 private:
  uint64_t base_ = 0;   // of the publisher's tokens
  uint64_t first_ = 1;  // number that read_ begins with
  std::deque<Clock::time_point> read_;
};

}  // namespace gischat::edge::clients
