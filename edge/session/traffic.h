#pragma once

#include <cstddef>

#include "edge/net/end_of_turn.h"

namespace gischat::edge::session {

// What the clients of one io thread have on its way into the channels. Confined to the thread.
struct Traffic {
  // Messages that are being reviewed or published and nicknames that are being claimed. Images are
  // not counted, which take their time.
  size_t under_way = 0;
  // To be asked for when something was given to the publisher, or `under_way` went down.
  net::EndOfTurn& end_of_turn;
};

}  // namespace gischat::edge::session
