#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

// WebSocket frames (RFC 6455) from server to client, ready for the wire.
namespace gischat::edge::codec {

// Bytes that any number of sockets send. Immutable.
using SharedBytes = std::shared_ptr<const std::string>;

// A whole message in one unmasked, uncompressed frame.
SharedBytes MakeTextFrame(std::string_view text);

// The same, compressed (permessage-deflate, RFC 7692): it refers to no other message, so any number
// of clients can share it. Null when that is not shorter than the text.
SharedBytes MakeDeflatedTextFrame(std::string_view text);

// What a frame carries. `frame`: one of those made here, whole.
std::string_view PayloadOf(std::string_view frame);

SharedBytes MakeCloseFrame(uint16_t code, std::string_view reason);

// Whether these bytes begin with a close frame.
bool IsCloseFrame(std::string_view bytes);

// A ping without a payload; always the same object.
const SharedBytes& PingFrame();

}  // namespace gischat::edge::codec
