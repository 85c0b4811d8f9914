#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/bus/message_bus.h"

// What a Redis script needs in order to append events to a channel in one atomic step with its own
// work. Such a script finds, in front of its own text:
//
//   now_ms                   Redis' clock, milliseconds since 1970
//   append_event(stored, publisher, sequence, payload)
//                            appends and publishes; for events that it makes itself false, the
//                            name by which a repetition is known or '', 0
//   integer(number)          a whole number as text, exact up to 2^53
//   first_key, first_argument
//                            where its own KEYS and ARGV begin: after kAppendKeys, kAppendArguments
//
// and is called with AppendKeys() and AppendArguments() before its own:
//
//   const redis::Script kClaim{"claim", ScriptThatAppends(kClaimLua)};
//   std::vector<std::string> keys = AppendKeys(instance, channel);
//   keys.push_back(ChannelKey(instance, channel, "nicknames"));
//   std::vector<std::string> arguments =
//       AppendArguments(instance, channel, client.database(), limits);
//   arguments.push_back(nickname);
//   client.Run(kClaim, std::move(keys), std::move(arguments), ...);
namespace gischat::bus {

inline constexpr size_t kAppendKeys = 4;
inline constexpr size_t kAppendArguments = 6;

// The name of a key of a channel: `gischat:{<instance>:<channel>}:<what>`, all in one slot. Braces,
// colons and percent signs within instance and channel are percent-encoded.
std::string ChannelKey(std::string_view instance, std::string_view channel, std::string_view what);

// `source` with the functions above in front of it. The run id of the server is still to be filled
// in, see redis::Script.
std::string ScriptThatAppends(std::string_view source);

std::vector<std::string> AppendKeys(std::string_view instance, std::string_view channel);
std::vector<std::string> AppendArguments(std::string_view instance, std::string_view channel,
                                         uint32_t database, const Limits& limits);

// Where the events of a channel are published. Unlike keys, such names are shared by all databases
// of a Redis, so that the number of the database is part of them, save for 0.
std::string EventsName(std::string_view instance, std::string_view channel, uint32_t database);

}  // namespace gischat::bus
