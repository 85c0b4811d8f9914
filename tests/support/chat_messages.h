#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "edge/codec/json_document.h"
#include "gischat/chat/v1/chat.pb.h"

// Messages for tests of the edge, and a short word for each as a client receives it.
namespace gischat::tests {

inline chat::v1::ChatMessage Published() {
  chat::v1::ChatMessage message;
  message.set_id("6a1f4a9e-5d1c-4b51-9f0e-3a52f1d9d0aa");
  message.set_timestamp(1'760'000'000);
  return message;
}

inline chat::v1::ChatMessage TextMessage(const std::string& text) {
  chat::v1::ChatMessage message = Published();
  message.mutable_text()->set_author("Ada");
  message.mutable_text()->set_text(text);
  return message;
}

inline chat::v1::ChatMessage ScriptMessage(const std::string& name) {
  chat::v1::ChatMessage message = Published();
  message.mutable_script()->set_author("Ada");
  message.mutable_script()->set_name(name);
  return message;
}

inline chat::v1::ChatMessage LikeMessage(const std::string& liked_author) {
  chat::v1::ChatMessage message = Published();
  message.mutable_like()->set_liker_author("Ada");
  message.mutable_like()->set_liked_author(liked_author);
  return message;
}

inline chat::v1::ChatMessage NewcomerMessage(const std::string& nickname) {
  chat::v1::ChatMessage message = Published();
  message.mutable_newcomer()->set_newcomer(nickname);
  return message;
}

inline chat::v1::ChatMessage CountMessage(uint64_t connections, uint64_t revision) {
  chat::v1::ChatMessage message = Published();
  message.mutable_nb_users()->set_nb_users(connections);
  message.mutable_nb_users()->set_revision(revision);
  return message;
}

// What a client reads, in short: "#3" for a count of 3, "+Ada" and "-Ada" for a newcomer and an
// exiter, "!words" for a refusal, "*Ada" for a like of Ada, "script name", else the text.
inline std::string Short(std::string_view json) {
  auto parsed = edge::codec::ParseJson(json);
  auto* document = std::get_if<edge::codec::JsonDocument>(&parsed);
  if (document == nullptr) return "no JSON: " + std::string(json);
  const std::pair<const char*, const char*> words[] = {
      {"nb_users", "#"},     {"newcomer", "+"},   {"exiter", "-"}, {"reason", "!"},
      {"liked_author", "*"}, {"name", "script "}, {"text", ""},
  };
  for (const auto& [key, prefix] : words) {
    const edge::codec::JsonValue* value = document->Find(key);
    if (value != nullptr) return prefix + value->text;
  }
  return "unknown: " + std::string(json);
}

}  // namespace gischat::tests
