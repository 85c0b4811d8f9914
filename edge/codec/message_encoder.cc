#include "edge/codec/message_encoder.h"

#include "edge/codec/json_writer.h"

namespace gischat::edge::codec {
namespace {

using chat::v1::ChatMessage;

void OptionalString(JsonObjectWriter& json, std::string_view key, bool present,
                    std::string_view value) {
  if (present) {
    json.String(key, value);
  } else {
    json.Null(key);
  }
}

template <typename Message>
void WriteAuthor(JsonObjectWriter& json, const Message& message) {
  json.String("author", message.author());
  OptionalString(json, "avatar", message.has_avatar(), message.avatar());
}

template <typename Message>
void WriteCrs(JsonObjectWriter& json, const Message& message) {
  json.String("crs_wkt", message.crs_wkt()).String("crs_authid", message.crs_authid());
}

void WriteLayer(JsonObjectWriter& json, const chat::v1::GeoJson& layer) {
  WriteAuthor(json, layer);
  json.String("layer_name", layer.layer_name());
  WriteCrs(json, layer);
  json.Raw("geojson", layer.geojson());
  OptionalString(json, "style", layer.has_style(), layer.style());
}

void WriteBbox(JsonObjectWriter& json, const chat::v1::Bbox& bbox) {
  WriteAuthor(json, bbox);
  WriteCrs(json, bbox);
  json.Float("xmin", bbox.xmin()).Float("xmax", bbox.xmax());
  json.Float("ymin", bbox.ymin()).Float("ymax", bbox.ymax());
}

void WriteModel(JsonObjectWriter& json, const chat::v1::Model& model) {
  WriteAuthor(json, model);
  json.String("model_name", model.model_name());
  OptionalString(json, "model_group", model.has_model_group(), model.model_group());
  json.String("raw_xml", model.raw_xml());
}

void WriteKind(JsonObjectWriter& json, const ChatMessage& message) {
  switch (message.kind_case()) {
    case ChatMessage::kText:
      WriteAuthor(json, message.text());
      json.String("text", message.text().text());
      return;
    case ChatMessage::kImage:
      WriteAuthor(json, message.image());
      json.String("image_data", message.image().image_data());
      return;
    case ChatMessage::kGeojson:
      return WriteLayer(json, message.geojson());
    case ChatMessage::kCrs:
      WriteAuthor(json, message.crs());
      return WriteCrs(json, message.crs());
    case ChatMessage::kBbox:
      return WriteBbox(json, message.bbox());
    case ChatMessage::kPosition:
      WriteAuthor(json, message.position());
      WriteCrs(json, message.position());
      json.Float("x", message.position().x()).Float("y", message.position().y());
      return;
    case ChatMessage::kModel:
      return WriteModel(json, message.model());
    case ChatMessage::kScript:
      WriteAuthor(json, message.script());
      json.String("name", message.script().name());
      json.String("raw_pycode", message.script().raw_pycode());
      return;
    case ChatMessage::kLike:
      json.String("liker_author", message.like().liker_author());
      json.String("liked_author", message.like().liked_author());
      json.String("message", message.like().message());
      return;
    case ChatMessage::kNewcomer:
      json.String("newcomer", message.newcomer().newcomer());
      return;
    case ChatMessage::kExiter:
      json.String("exiter", message.exiter().exiter());
      return;
    case ChatMessage::kNbUsers:
      json.Integer("nb_users", static_cast<int64_t>(message.nb_users().nb_users()));
      return;
    case ChatMessage::kUncompliant:
      json.String("reason", message.uncompliant().reason());
      return;
    case ChatMessage::KIND_NOT_SET:
      return;
  }
}

// Room for everything but the large strings, so that rendering seldom grows the buffer.
size_t ExpectedSize(const ChatMessage& message) {
  constexpr size_t kEnvelope = 192;
  return message.ByteSizeLong() + kEnvelope;
}

}  // namespace

std::optional<std::string> EncodeMessage(const ChatMessage& message, Shape shape) {
  if (message.kind_case() == ChatMessage::KIND_NOT_SET) return std::nullopt;
  if (shape == Shape::kRooms && message.has_script()) return std::nullopt;
  std::string out;
  out.reserve(ExpectedSize(message));
  JsonObjectWriter json(&out);
  json.String("type", KindName(message.kind_case()));
  if (shape != Shape::kRooms) {
    json.String("id", message.id()).Integer("timestamp", message.timestamp());
  }
  WriteKind(json, message);
  if (shape == Shape::kReplies && !message.in_reply_to_id().empty()) {
    json.String("in_reply_to_id", message.in_reply_to_id());
  }
  json.End();
  return out;
}

std::string_view KindName(ChatMessage::KindCase kind) {
  switch (kind) {
    case ChatMessage::kText:
      return "text";
    case ChatMessage::kImage:
      return "image";
    case ChatMessage::kGeojson:
      return "geojson";
    case ChatMessage::kCrs:
      return "crs";
    case ChatMessage::kBbox:
      return "bbox";
    case ChatMessage::kPosition:
      return "position";
    case ChatMessage::kModel:
      return "model";
    case ChatMessage::kScript:
      return "script";
    case ChatMessage::kLike:
      return "like";
    case ChatMessage::kNewcomer:
      return "newcomer";
    case ChatMessage::kExiter:
      return "exiter";
    case ChatMessage::kNbUsers:
      return "nb_users";
    case ChatMessage::kUncompliant:
      return "uncompliant";
    case ChatMessage::KIND_NOT_SET:
      return "";
  }
  return "";
}

}  // namespace gischat::edge::codec
