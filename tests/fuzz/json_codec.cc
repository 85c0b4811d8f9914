// JSON of clients: read, decoded and judged for both APIs, encoded in every shape, and read again.

#include <algorithm>

#include "common/base/utf8.h"
#include "edge/codec/json_document.h"
#include "edge/codec/json_fault.h"
#include "edge/codec/message_decoder.h"
#include "edge/codec/message_encoder.h"
#include "services/moderation/rules.h"
#include "tests/fuzz/fuzzing.h"

namespace gischat::fuzz {
namespace {

using chat::v1::ChatMessage;
using edge::codec::Api;
using edge::codec::DecodedMessage;
using edge::codec::JsonDocument;
using edge::codec::JsonError;
using edge::codec::Shape;
using moderation::v1::Violation;

JsonDocument ReadAgain(const std::string& json) {
  auto parsed = edge::codec::ParseJson(json);
  Require(std::holds_alternative<JsonDocument>(parsed), "what is written can be read");
  return std::get<JsonDocument>(std::move(parsed));
}

void CheckError(const JsonError& error, const std::string& text) {
  Require(!error.words.empty() && base::IsUtf8(error.words), "an error has words");
  if (error.kind != JsonError::Kind::kSyntax) return;
  Require(error.offset <= base::CountCodePoints(text), "an error lies within the text");
  const auto fault = edge::codec::FindJsonFault(text);
  if (!fault) return;
  Require(*fault <= text.size() && error.offset == base::CountCodePoints(text.substr(0, *fault)),
          "an error is told where the grammar is broken");
}

void CheckCompact(const JsonDocument& document, const std::string& text) {
  Require(!edge::codec::FindJsonFault(text), "a text that is read keeps to the grammar");
  const std::string compact = edge::codec::CompactJson(document);
  Require(base::IsUtf8(compact), "compact JSON is UTF-8");
  Require(compact.size() <= text.size(), "compact JSON is no longer than what was sent");
  Require(edge::codec::CompactJson(ReadAgain(compact)) == compact, "compact JSON stays as it is");
}

template <typename Violations>
void CheckWords(const Violations& violations) {
  for (const Violation& violation : violations) {
    Require(!violation.words().empty() && base::IsUtf8(violation.words()), "a fault has words");
  }
}

bool IsNickname(const std::string& name) {
  return name.size() >= 3 && name.size() <= 8 && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-';
         });
}

// With bounds so narrow that small messages reach them.
const moderation::Rules& NarrowRules() {
  static const moderation::Rules rules(
      [] {
        config::ContentLimits limits;
        limits.max_author_length = 8;
        limits.max_message_length = 16;
        limits.max_geojson_features = 2;
        limits.max_image_raw_length = 24;
        limits.max_model_raw_length = 16;
        limits.max_script_raw_length = 16;
        return limits;
      }(),
      {"wizz"});
  return rules;
}

void CheckRules(const DecodedMessage& decoded) {
  const auto faults = NarrowRules().Judge(decoded.message, decoded.violations);
  CheckWords(faults);
  Require(faults.size() >= static_cast<size_t>(decoded.violations.size()),
          "no fault of the decoder is lost");
  if (!faults.empty()) return;
  if (decoded.message.has_text()) {
    Require(IsNickname(decoded.message.text().author()) &&
                base::CountCodePoints(decoded.message.text().text()) <= 16,
            "what is accepted keeps to the limits");
  }
  if (decoded.message.has_newcomer()) {
    Require(IsNickname(decoded.message.newcomer().newcomer()), "a nickname is one");
  }
}

bool HasIdentity(const ChatMessage& message) {
  return !message.has_newcomer() && !message.has_exiter() && !message.has_nb_users() &&
         !message.has_uncompliant();
}

void CheckShape(const ChatMessage& message, Shape shape) {
  const auto json = edge::codec::EncodeMessage(message, shape);
  Require(json.has_value() == !(shape == Shape::kRooms && message.has_script()),
          "only scripts are kept from rooms clients");
  if (!json) return;
  Require(base::IsUtf8(*json), "messages are UTF-8");
  const Api api = shape == Shape::kRooms ? Api::kRooms : Api::kChannels;
  const DecodedMessage again = edge::codec::DecodeMessage(ReadAgain(*json), api);
  Require(again.violations.empty(), "a message that is sent can be sent back");
  ChatMessage expected = message;
  if (shape != Shape::kReplies) expected.clear_in_reply_to_id();
  if (shape == Shape::kRooms || !HasIdentity(message)) {
    expected.clear_id();
    expected.clear_timestamp();
  }
  Require(again.message.SerializeAsString() == expected.SerializeAsString(),
          "a message that is sent says what it said");
}

void CheckMessage(const JsonDocument& document, Api api) {
  const DecodedMessage decoded = edge::codec::DecodeMessage(document, api);
  CheckWords(decoded.violations);
  CheckRules(decoded);
  if (!decoded.violations.empty()) return;
  Require(decoded.message.kind_case() != ChatMessage::KIND_NOT_SET, "without a kind is a fault");
  // As moderation completes it.
  ChatMessage message = decoded.message;
  if (message.id().empty()) message.set_id("6a1f4a9e-5d1c-4b51-9f0e-3a52f1d9d0aa");
  if (!message.has_timestamp()) message.set_timestamp(1'760'000'000);
  for (const Shape shape : {Shape::kRooms, Shape::kChannels, Shape::kReplies}) {
    CheckShape(message, shape);
  }
}

void CheckTextBody(const JsonDocument& document, Api api) {
  const DecodedMessage decoded = edge::codec::DecodeTextBody(document, api);
  Require(decoded.message.has_text(), "a text body is a text");
  CheckWords(decoded.violations);
  CheckRules(decoded);
}

}  // namespace
void TakeInput(std::string_view input) {
  std::string text = Expand(input);
  const auto parsed = edge::codec::ParseJson(text);
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);  // may stand there, and counts as nothing
  if (const auto* error = std::get_if<JsonError>(&parsed)) return CheckError(*error, text);
  const auto& document = std::get<JsonDocument>(parsed);
  CheckCompact(document, text);
  for (const Api api : {Api::kChannels, Api::kRooms}) {
    CheckMessage(document, api);
    CheckTextBody(document, api);
  }
}

}  // namespace gischat::fuzz
