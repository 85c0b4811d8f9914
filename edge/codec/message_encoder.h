#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "edge/codec/api.h"
#include "gischat/chat/v1/chat.pb.h"

namespace gischat::edge::codec {

// A message as compact JSON, keys in the order that clients know. Nothing when clients of that
// shape don't see the kind (scripts in the rooms API) and for a message without a kind.
std::optional<std::string> EncodeMessage(const chat::v1::ChatMessage& message, Shape shape);

// The word that clients use for the kind, e.g. "nb_users"; empty for a message without a kind.
std::string_view KindName(chat::v1::ChatMessage::KindCase kind);

}  // namespace gischat::edge::codec
