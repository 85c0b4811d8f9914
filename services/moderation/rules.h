#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "common/config/content_limits.h"
#include "gischat/chat/v1/chat.pb.h"
#include "gischat/moderation/v1/moderation.pb.h"

namespace gischat::moderation {

// The rules on what a message may hold, except those that need a look at the pixels of an image.
// Immutable, thread-safe.
class Rules {
 public:
  // `cheatcodes`: texts that don't belong in the history.
  Rules(const config::ContentLimits& limits, const std::vector<std::string>& cheatcodes);

  // The faults of `message`, at most one per field, in the order in which the fields stand in a
  // message of its kind. Fields that `decoding_violations` name are not judged; these violations
  // take their places in the list instead. Empty: the message is acceptable.
  std::vector<v1::Violation> Judge(
      const chat::v1::ChatMessage& message,
      const google::protobuf::RepeatedPtrField<v1::Violation>& decoding_violations) const;

  // Whether an acceptable message belongs in the channel's history.
  bool BelongsInHistory(const chat::v1::ChatMessage& message) const;

 private:
  config::ContentLimits limits_;
  std::unordered_set<std::string> cheatcodes_;
};

// The fault of an image that can't be read, is truncated, of another format or too large.
v1::Violation BadImage();

// Whether clients may send this kind; the others are made by the server only.
bool IsFromClients(chat::v1::ChatMessage::KindCase kind);

// The kind as clients spell it ("text", "geojson", ...); "none" for none.
std::string_view KindName(chat::v1::ChatMessage::KindCase kind);

}  // namespace gischat::moderation
