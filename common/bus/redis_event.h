#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/bus/message_bus.h"

namespace gischat::bus {

// The form in which events stand in Redis and travel through it, written by append.lua:
//
//   g1 <epoch> <offset> <stored: 0 or 1> <sequence> <length of publisher>:<publisher><payload>
//
// Numbers are decimal; publisher and payload are any bytes. Returns nothing when it is anything
// else. Pure; trusts nothing.
std::optional<Event> ParseRedisEvent(std::string_view packed);

}  // namespace gischat::bus
