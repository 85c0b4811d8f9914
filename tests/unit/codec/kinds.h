#pragma once

#include <string>
#include <utility>
#include <vector>

#include "gischat/chat/v1/chat.pb.h"

namespace gischat::edge::codec {

inline constexpr char kId[] = "6a1f4a9e-5d1c-4b51-9f0e-3a52f1d9d0aa";
inline constexpr char kRepliedId[] = "0b8de8a7-ff1f-4bb6-a9d1-1d0b4dbb2a11";
inline constexpr int64_t kTimestamp = 1'760'000'000;

// What a field takes.
enum class FieldType { kText, kOptionalText, kNumber, kLayer };

struct Field {
  std::string key;
  FieldType type;
  std::string json;  // an example, in the form in which it comes out
};

// A kind of message that clients send, with its fields in the order that clients know.
struct KindOfMessage {
  std::string type;
  chat::v1::ChatMessage::KindCase kind;
  bool can_reply;
  std::vector<Field> fields;
};

inline const std::vector<KindOfMessage>& KindsOfMessages() {
  using chat::v1::ChatMessage;
  static const Field author = {"author", FieldType::kText, "\"Ada_1\""};
  static const Field avatar = {"avatar", FieldType::kOptionalText, "\"mGeoPackage.svg\""};
  static const Field wkt = {"crs_wkt", FieldType::kText, R"("GEOGCRS[\"WGS 84\"]")"};
  static const Field authid = {"crs_authid", FieldType::kText, "\"EPSG:4326\""};
  static const Field layer = {"geojson", FieldType::kLayer,
                              R"({"type":"FeatureCollection","features":[{"x":1},{"x":1.50}]})"};
  static const std::vector<KindOfMessage> kinds = {
      {"text", ChatMessage::kText, true, {author, avatar, {"text", FieldType::kText, "\"héllo\""}}},
      {"image",
       ChatMessage::kImage,
       true,
       {author, avatar, {"image_data", FieldType::kText, "\"aGk=\""}}},
      {"geojson",
       ChatMessage::kGeojson,
       true,
       {author,
        avatar,
        {"layer_name", FieldType::kText, "\"rivers\""},
        wkt,
        authid,
        layer,
        {"style", FieldType::kOptionalText, "\"<qgis/>\""}}},
      {"crs", ChatMessage::kCrs, true, {author, avatar, wkt, authid}},
      {"bbox",
       ChatMessage::kBbox,
       true,
       {author,
        avatar,
        wkt,
        authid,
        {"xmin", FieldType::kNumber, "-1.5"},
        {"xmax", FieldType::kNumber, "2.0"},
        {"ymin", FieldType::kNumber, "-3.25"},
        {"ymax", FieldType::kNumber, "1e+16"}}},
      {"position",
       ChatMessage::kPosition,
       true,
       {author,
        avatar,
        wkt,
        authid,
        {"x", FieldType::kNumber, "0.1"},
        {"y", FieldType::kNumber, "-0.0"}}},
      {"model",
       ChatMessage::kModel,
       true,
       {author,
        avatar,
        {"model_name", FieldType::kText, "\"buffer\""},
        {"model_group", FieldType::kOptionalText, "\"tools\""},
        {"raw_xml", FieldType::kText, "\"<xml/>\""}}},
      {"script",
       ChatMessage::kScript,
       true,
       {author,
        avatar,
        {"name", FieldType::kText, "\"clip.py\""},
        {"raw_pycode", FieldType::kText, R"("print(\"hi\")\n")"}}},
      {"like",
       ChatMessage::kLike,
       false,
       {{"liker_author", FieldType::kText, "\"Ada_1\""},
        {"liked_author", FieldType::kText, "\"Bob\""},
        {"message", FieldType::kText, "\"héllo\""}}},
      {"newcomer", ChatMessage::kNewcomer, false, {{"newcomer", FieldType::kText, "\"Ada_1\""}}},
  };
  return kinds;
}

using Members = std::vector<std::pair<std::string, std::string>>;

// The members of a message as a client sends it: its type and its fields.
inline Members MembersOf(const KindOfMessage& kind) {
  Members members = {{"type", "\"" + kind.type + "\""}};
  for (const Field& field : kind.fields) members.emplace_back(field.key, field.json);
  return members;
}

// The same as the server sends it: with id and timestamp behind the type.
inline Members PublishedMembersOf(const KindOfMessage& kind) {
  Members members = MembersOf(kind);
  members.insert(members.begin() + 1, {{"id", "\"" + std::string(kId) + "\""},
                                       {"timestamp", std::to_string(kTimestamp)}});
  return members;
}

inline std::string JsonOf(const Members& members) {
  std::string json = "{";
  for (const auto& [key, value] : members) {
    if (json.size() > 1) json += ',';
    json.append("\"").append(key).append("\":").append(value);
  }
  return json + "}";
}

inline Members With(Members members, const std::string& key, const std::string& value) {
  for (auto& [name, old] : members) {
    if (name != key) continue;
    old = value;
    return members;
  }
  members.emplace_back(key, value);
  return members;
}

inline Members Without(Members members, const std::string& key) {
  std::erase_if(members, [&](const auto& member) { return member.first == key; });
  return members;
}

}  // namespace gischat::edge::codec
