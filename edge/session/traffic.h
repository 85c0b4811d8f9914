#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "edge/net/end_of_turn.h"

namespace gischat::edge::session {

// What the clients of one io thread have on its way into the channels. Confined to the thread.
struct Traffic {
  // Messages that are being reviewed or published and nicknames that are being claimed. Images are
  // not counted, which take their time.
  size_t under_way = 0;
  // Of these, nicknames that are being claimed.
  size_t claims = 0;
  // To be asked for when something was given to the publisher, or fewer messages are under way.
  net::EndOfTurn& end_of_turn;

  size_t MessagesUnderWay() const { return under_way - claims; }

  // For how long an event may wait for others that are under way, with so many clients on the
  // thread. Writing once what would be written twice saves 3 us for each client, so that with a
  // crowd it is worth to wait a third of that. Newcomers come in crowds and are in no hurry: for
  // their names it is all of it, or each of a thousand who come at once is told by itself.
  std::chrono::microseconds Linger(size_t clients) const {
    using std::chrono::microseconds;
    constexpr size_t kCrowd = 50;  // with fewer nothing is worth waiting for
    if (clients < kCrowd) return microseconds(0);
    const auto count = static_cast<int64_t>(clients);
    if (claims > 0) return std::min(microseconds(3 * count), microseconds(30'000));
    return std::min(microseconds(count), microseconds(5'000));
  }
};

}  // namespace gischat::edge::session
