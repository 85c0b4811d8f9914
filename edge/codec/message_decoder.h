#pragma once

#include <string>

#include "edge/codec/api.h"
#include "edge/codec/json_document.h"
#include "edge/codec/violations.h"
#include "gischat/chat/v1/chat.pb.h"

// Turns the JSON of clients into typed messages. Judges only what the types can't hold: fields that
// are missing or of another type. Everything else is moderation's.
namespace gischat::edge::codec {

struct DecodedMessage {
  chat::v1::ChatMessage message;  // without a kind when `violations` begins with UNKNOWN_TYPE
  Violations violations;          // in the order of the fields; these hold their defaults
  bool names_reply = false;       // the key in_reply_to_id was there, whatever its value
};

// A message of any kind that clients may name. nb_users, uncompliant and exiter are decoded without
// a look at their other fields (an exiter's nickname is empty when it is not a string).
DecodedMessage DecodeMessage(JsonDocument document, Api api);

// The body of PUT …/text: a text message whose `type` may be absent. A wrong type is the fault
// UNKNOWN_TYPE, listed first; the other fields are decoded all the same.
DecodedMessage DecodeTextBody(JsonDocument document, Api api);

// The keys of a text message that PUT judges, in the order in which faults are listed.
inline constexpr std::string_view kTextBodyFields[] = {"type",   "id",     "timestamp",
                                                       "author", "avatar", "text"};

}  // namespace gischat::edge::codec
