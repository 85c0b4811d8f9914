#pragma once

namespace gischat::edge::codec {

// The two dialects that clients speak, by the URL that they connect to.
enum class Api {
  kChannels,  // /channel/{c}/…: messages have id and timestamp
  kRooms,     // /room/{c}/…: messages have neither, and there are no scripts
};

// How a message looks to a client.
enum class Shape {
  kRooms,     // the rooms API
  kChannels,  // the channels API, without in_reply_to_id
  kReplies,   // the channels API, for clients that understand in_reply_to_id
};
inline constexpr int kShapes = 3;

}  // namespace gischat::edge::codec
