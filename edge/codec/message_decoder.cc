#include "edge/codec/message_decoder.h"

#include <cmath>
#include <utility>

#include "common/base/random_id.h"
#include "common/base/utf8.h"
#include "edge/codec/lax_numbers.h"

namespace gischat::edge::codec {
namespace {

using chat::v1::ChatMessage;
using Kind = JsonValue::Kind;

constexpr double kTwoTo63 = 9223372036854775808.0;

// What was sent, for a sentence.
std::string Shown(const JsonValue* value) {
  if (value == nullptr) return "you sent nothing";
  if (value->kind == Kind::kString) return "you sent " + base::Quote(value->text);
  constexpr size_t kShownCodePoints = 40;
  const std::string json = CompactJson(*value);
  const std::string_view head = base::FirstCodePoints(json, kShownCodePoints);
  return "you sent " + std::string(head) + (head.size() < json.size() ? "…" : "");
}

// Takes the fields of one message out of its document and notes what is wrong with them.
class Fields {
 public:
  Fields(JsonDocument document, Violations* violations)
      : document_(std::move(document)), violations_(*violations) {}

  const JsonValue* Find(std::string_view key) { return document_.Find(key); }

  // A required string.
  void Text(std::string_view key, std::string* target) {
    JsonValue* value = document_.Find(key);
    if (value == nullptr) {
      Fault(Violation::MISSING, key, "required", value);
    } else if (value->kind != Kind::kString) {
      Fault(Violation::NOT_A_STRING, key, "must be text", value);
    } else {
      *target = std::move(value->text);
    }
  }

  // A string that may be absent or null.
  template <typename Message>
  void OptionalText(std::string_view key, Message* message, void (Message::*set)(std::string&&)) {
    JsonValue* value = document_.Find(key);
    if (value == nullptr || value->kind == Kind::kNull) return;
    if (value->kind != Kind::kString) {
      Fault(Violation::NOT_A_STRING, key, "must be text or null", value);
    } else {
      (message->*set)(std::move(value->text));
    }
  }

  // A required finite number.
  double Number(std::string_view key) {
    const JsonValue* value = Find(key);
    if (value == nullptr) {
      Fault(Violation::MISSING, key, "required", value);
      return 0;
    }
    std::optional<double> number;
    if (value->kind == Kind::kInteger || value->kind == Kind::kFloat) number = value->number;
    if (value->kind == Kind::kBoolean) number = value->boolean ? 1.0 : 0.0;
    if (value->kind == Kind::kString) number = ReadLaxFloat(value->text);
    if (!number) {
      Fault(Violation::NOT_A_NUMBER, key, "must be a finite number", value);
      return 0;
    }
    return *number;
  }

  void Identity(ChatMessage* message) {
    if (const JsonValue* value = Find("id")) {
      if (value->kind != Kind::kString) {
        Fault(Violation::WRONG_UUID_TYPE, "id", "must be a UUID", value);
      } else if (auto uuid = base::CanonicalUuid(value->text)) {
        message->set_id(*std::move(uuid));
      } else {
        Fault(Violation::NOT_A_UUID, "id", "must be a UUID", value);
      }
    }
    if (const JsonValue* value = Find("timestamp")) Timestamp(*value, message);
  }

  // Absent unless it is a UUID.
  void Reply(DecodedMessage* decoded) {
    const JsonValue* value = Find("in_reply_to_id");
    decoded->names_reply = value != nullptr;
    if (value == nullptr || value->kind != Kind::kString) return;
    if (auto uuid = base::CanonicalUuid(value->text)) {
      decoded->message.set_in_reply_to_id(*std::move(uuid));
    }
  }

  void Layer(chat::v1::GeoJson* layer) {
    JsonValue* value = document_.Find("geojson");
    if (value == nullptr) {
      Fault(Violation::MISSING, "geojson", "required", value);
    } else if (value->kind != Kind::kObject || !value->feature_count) {
      Fault(Violation::NOT_A_FEATURE_COLLECTION, "geojson",
            "must be an object whose features are a list", value);
    } else {
      layer->set_feature_count(*value->feature_count);
      layer->set_geojson(std::move(value->text));
    }
  }

  void Fault(Violation::Code code, std::string_view field, std::string_view rule,
             const JsonValue* sent) {
    Violation& violation = *violations_.Add();
    violation.set_code(code);
    violation.set_field(std::string(field));
    violation.set_words(std::string(field) + ": " + std::string(rule) + " (" + Shown(sent) + ")");
  }

 private:
  void Timestamp(const JsonValue& value, ChatMessage* message) {
    constexpr std::string_view kRule = "must be a whole number of seconds";
    std::optional<int64_t> seconds;
    Violation::Code code = Violation::UNREADABLE_INTEGER;
    switch (value.kind) {
      case Kind::kInteger:
      case Kind::kString:
        seconds = ReadLaxInteger(value.text);
        break;
      case Kind::kFloat:
        if (std::trunc(value.number) != value.number) {
          code = Violation::FRACTIONAL_INTEGER;
        } else if (value.number >= -kTwoTo63 && value.number < kTwoTo63) {
          seconds = static_cast<int64_t>(value.number);
        }
        break;
      default:
        code = Violation::WRONG_INTEGER_TYPE;
    }
    if (seconds) {
      message->set_timestamp(*seconds);
    } else {
      Fault(code, "timestamp", kRule, &value);
    }
  }

  JsonDocument document_;
  Violations& violations_;
};

template <typename Message>
void DecodeAuthor(Fields& fields, Message* message) {
  fields.Text("author", message->mutable_author());
  fields.OptionalText(
      "avatar", message,
      static_cast<void (Message::*)(std::string &&)>(&Message::template set_avatar<std::string>));
}

template <typename Message>
void DecodeCrs(Fields& fields, Message* message) {
  fields.Text("crs_wkt", message->mutable_crs_wkt());
  fields.Text("crs_authid", message->mutable_crs_authid());
}

void DecodeKind(Fields& fields, chat::v1::Text* text) {
  DecodeAuthor(fields, text);
  fields.Text("text", text->mutable_text());
}

void DecodeKind(Fields& fields, chat::v1::Image* image) {
  DecodeAuthor(fields, image);
  fields.Text("image_data", image->mutable_image_data());
}

void DecodeKind(Fields& fields, chat::v1::GeoJson* layer) {
  DecodeAuthor(fields, layer);
  fields.Text("layer_name", layer->mutable_layer_name());
  DecodeCrs(fields, layer);
  fields.Layer(layer);
  fields.OptionalText("style", layer,
                      static_cast<void (chat::v1::GeoJson::*)(std::string &&)>(
                          &chat::v1::GeoJson::set_style<std::string>));
}

void DecodeKind(Fields& fields, chat::v1::Crs* crs) {
  DecodeAuthor(fields, crs);
  DecodeCrs(fields, crs);
}

void DecodeKind(Fields& fields, chat::v1::Bbox* bbox) {
  DecodeAuthor(fields, bbox);
  DecodeCrs(fields, bbox);
  bbox->set_xmin(fields.Number("xmin"));
  bbox->set_xmax(fields.Number("xmax"));
  bbox->set_ymin(fields.Number("ymin"));
  bbox->set_ymax(fields.Number("ymax"));
}

void DecodeKind(Fields& fields, chat::v1::Position* position) {
  DecodeAuthor(fields, position);
  DecodeCrs(fields, position);
  position->set_x(fields.Number("x"));
  position->set_y(fields.Number("y"));
}

void DecodeKind(Fields& fields, chat::v1::Model* model) {
  DecodeAuthor(fields, model);
  fields.Text("model_name", model->mutable_model_name());
  fields.OptionalText("model_group", model,
                      static_cast<void (chat::v1::Model::*)(std::string &&)>(
                          &chat::v1::Model::set_model_group<std::string>));
  fields.Text("raw_xml", model->mutable_raw_xml());
}

void DecodeKind(Fields& fields, chat::v1::Script* script) {
  DecodeAuthor(fields, script);
  fields.Text("name", script->mutable_name());
  fields.Text("raw_pycode", script->mutable_raw_pycode());
}

void DecodeKind(Fields& fields, chat::v1::Like* like) {
  fields.Text("liker_author", like->mutable_liker_author());
  fields.Text("liked_author", like->mutable_liked_author());
  fields.Text("message", like->mutable_message());
}

void DecodeKind(Fields& fields, chat::v1::Newcomer* newcomer) {
  fields.Text("newcomer", newcomer->mutable_newcomer());
}

// A kind that relays an answer and keeps the sender's id and timestamp.
template <typename Message>
void DecodeSaid(Fields& fields, Api api, DecodedMessage* decoded, Message* kind) {
  if (api == Api::kChannels) {
    fields.Identity(&decoded->message);
    fields.Reply(decoded);
  }
  DecodeKind(fields, kind);
}

void DecodeByType(std::string_view type, Fields& fields, Api api, DecodedMessage* decoded) {
  ChatMessage* message = &decoded->message;
  if (type == "text") {
    DecodeSaid(fields, api, decoded, message->mutable_text());
  } else if (type == "image") {
    DecodeSaid(fields, api, decoded, message->mutable_image());
  } else if (type == "geojson") {
    DecodeSaid(fields, api, decoded, message->mutable_geojson());
  } else if (type == "crs") {
    DecodeSaid(fields, api, decoded, message->mutable_crs());
  } else if (type == "bbox") {
    DecodeSaid(fields, api, decoded, message->mutable_bbox());
  } else if (type == "position") {
    DecodeSaid(fields, api, decoded, message->mutable_position());
  } else if (type == "model") {
    DecodeSaid(fields, api, decoded, message->mutable_model());
  } else if (type == "script" && api == Api::kChannels) {
    DecodeSaid(fields, api, decoded, message->mutable_script());
  } else if (type == "like") {
    if (api == Api::kChannels) fields.Identity(message);
    DecodeKind(fields, message->mutable_like());
  } else if (type == "newcomer") {
    DecodeKind(fields, message->mutable_newcomer());
  } else if (type == "exiter") {
    const JsonValue* exiter = fields.Find("exiter");
    message->mutable_exiter();
    if (exiter != nullptr && exiter->kind == Kind::kString) {
      message->mutable_exiter()->set_exiter(exiter->text);
    }
  } else if (type == "nb_users") {
    message->mutable_nb_users();
  } else if (type == "uncompliant") {
    message->mutable_uncompliant();
  } else {
    constexpr std::string_view kRule =
        "must be one of text, image, geojson, crs, bbox, position, model, script, like, newcomer";
    constexpr std::string_view kRoomsRule =
        "must be one of text, image, geojson, crs, bbox, position, model, like, newcomer";
    fields.Fault(Violation::UNKNOWN_TYPE, "type", api == Api::kRooms ? kRoomsRule : kRule,
                 fields.Find("type"));
  }
}

}  // namespace

DecodedMessage DecodeMessage(JsonDocument document, Api api) {
  DecodedMessage decoded;
  Fields fields(std::move(document), &decoded.violations);
  const JsonValue* type = fields.Find("type");
  std::string_view name;
  if (type != nullptr && type->kind == Kind::kString) name = type->text;
  DecodeByType(name, fields, api, &decoded);
  return decoded;
}

DecodedMessage DecodeTextBody(JsonDocument document, Api api) {
  DecodedMessage decoded;
  Fields fields(std::move(document), &decoded.violations);
  const JsonValue* type = fields.Find("type");
  if (type != nullptr && (type->kind != Kind::kString || type->text != "text")) {
    fields.Fault(Violation::UNKNOWN_TYPE, "type", "must be text", type);
  }
  DecodeSaid(fields, api, &decoded, decoded.message.mutable_text());
  return decoded;
}

}  // namespace gischat::edge::codec
