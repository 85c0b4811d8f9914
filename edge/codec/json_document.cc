#include "edge/codec/json_document.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "common/base/utf8.h"
#include "edge/codec/json_fault.h"
#include "edge/codec/json_writer.h"

namespace gischat::edge::codec {
namespace {

constexpr std::string_view kFeaturesKey = "features";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr int kNumberOutOfRange = 406;  // id of nlohmann's exception
constexpr size_t kFewMembers = 16;      // are faster looked through than indexed

// Receives the parts of a text in order, as nlohmann's SAX interface defines them. Depth 1 is the
// root's inside: values there become members, what is deeper is appended to the text of its member.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool null() { return Scalar({}, "null"); }

  bool boolean(bool value) {
    JsonValue made;
    made.kind = JsonValue::Kind::kBoolean;
    made.boolean = value;
    return Scalar(std::move(made), value ? "true" : "false");
  }

  // Called for integers with a minus sign only, so that a zero was spelt "-0".
  bool number_integer(int64_t value) {
    return Number(JsonValue::Kind::kInteger, static_cast<double>(value),
                  value == 0 ? "-0" : std::to_string(value));
  }

  bool number_unsigned(uint64_t value) {
    return Number(JsonValue::Kind::kInteger, static_cast<double>(value), std::to_string(value));
  }

  // Called for integers beyond 64 bits too.
  bool number_float(double value, const std::string& spelling) {
    const bool integral = spelling.find_first_of(".eE") == std::string::npos;
    return Number(integral ? JsonValue::Kind::kInteger : JsonValue::Kind::kFloat, value, spelling);
  }

  bool string(std::string& value) {
    if (IsNested()) {
      BeginNestedValue();
      AppendJsonString(value, &current_->text);
      return true;
    }
    JsonValue made;
    made.kind = JsonValue::Kind::kString;
    made.text = std::move(value);
    return Keep(std::move(made));
  }

  bool binary(nlohmann::json::binary_t&) { return false; }  // JSON has none

  bool start_object(size_t) { return Open(JsonValue::Kind::kObject, '{'); }
  bool end_object() { return Close('}'); }
  bool start_array(size_t) { return Open(JsonValue::Kind::kArray, '['); }
  bool end_array() { return Close(']'); }

  bool key(std::string& name) {
    if (!IsNested()) {
      member_ = std::move(name);
      return true;
    }
    if (depth_ == value_depth_) {
      is_features_key_ = name == kFeaturesKey;
      if (is_features_key_) current_->feature_count.reset();
    }
    Separate();
    AppendJsonString(name, &current_->text);
    current_->text.push_back(':');
    return true;
  }

  bool parse_error(size_t position, const std::string& last_token,
                   const nlohmann::detail::exception& error) {
    const bool at_end = position > text_.size();
    const size_t end = std::min(position, text_.size());
    const size_t token = end - std::min(end, last_token.size());
    if (error.id == kNumberOutOfRange) {
      RefuseSyntax(token, "number out of range");
    } else {
      RefuseSyntax(token, at_end ? "unexpected end of the text" : "unexpected character");
    }
    return false;
  }

  // Refuses what nlohmann lets pass: a NUL outside of strings, which it takes for the end of the
  // text whatever follows, and a byte order mark, though one has been taken away.
  bool Finish() {
    const size_t fault = text_.starts_with(kByteOrderMark) ? 0 : text_.find('\0');
    if (fault == std::string_view::npos) return true;
    RefuseSyntax(fault, "unexpected character");
    return false;
  }

  JsonDocument TakeDocument() { return std::move(document_); }
  JsonError TakeError() { return std::move(error_); }

 private:
  // What keeps to the grammar and is refused all the same is told by its first character.
  void RefuseSyntax(size_t first_character, std::string words) {
    error_.kind = JsonError::Kind::kSyntax;
    const size_t offset = FindJsonFault(text_).value_or(first_character);
    error_.offset = base::CountCodePoints(text_.substr(0, offset));
    error_.words = std::move(words);
  }

  bool IsNested() const { return current_ != nullptr; }

  // The last character tells whether a value came before: a string always ends with its quote.
  void Separate() {
    const char last = current_->text.back();
    if (last != '[' && last != '{' && last != ':') current_->text.push_back(',');
  }

  void BeginNestedValue() {
    Separate();
    if (counting_ && depth_ == value_depth_ + 1) ++*current_->feature_count;
    if (depth_ == value_depth_) is_features_key_ = false;
  }

  bool Scalar(JsonValue value, std::string_view spelling) {
    if (!IsNested()) return Keep(std::move(value));
    BeginNestedValue();
    current_->text.append(spelling);
    return true;
  }

  bool Number(JsonValue::Kind kind, double value, const std::string& spelling) {
    if (IsNested()) return Scalar({}, spelling);
    JsonValue made;
    made.kind = kind;
    made.number = value;
    made.text = spelling;
    return Keep(std::move(made));
  }

  // Puts a whole value, or the beginning of a composite one, where it belongs.
  bool Keep(JsonValue value) {
    if (depth_ == 0) {
      document_.root = std::move(value);
      return true;
    }
    kept_ = PlaceOfMember();
    if (kept_ == kMaxJsonMembers) {
      error_.kind = JsonError::Kind::kTooManyMembers;
      error_.words = "more than " + std::to_string(kMaxJsonMembers) + " keys";
      return false;
    }
    if (kept_ == document_.members.size()) {
      document_.members.emplace_back(std::move(member_), std::move(value));
    } else {
      document_.members[kept_].second = std::move(value);
    }
    return true;
  }

  // Where the member that comes next stands, or will stand.
  size_t PlaceOfMember() {
    const auto& members = document_.members;
    if (members.size() <= kFewMembers) {
      const auto found = std::find_if(members.begin(), members.end(),
                                      [&](const auto& member) { return member.first == member_; });
      return static_cast<size_t>(found - members.begin());
    }
    while (places_.size() < members.size()) {
      places_.emplace(members[places_.size()].first, places_.size());
    }
    const auto found = places_.find(member_);
    return found == places_.end() ? members.size() : found->second;
  }

  bool Open(JsonValue::Kind kind, char bracket) {
    if (depth_ == kMaxJsonDepth) {
      error_.kind = JsonError::Kind::kTooDeep;
      error_.words = "nested deeper than " + std::to_string(kMaxJsonDepth) + " levels";
      return false;
    }
    if (IsNested()) {
      const bool is_features = is_features_key_ && depth_ == value_depth_;
      BeginNestedValue();
      current_->text.push_back(bracket);
      if (is_features && kind == JsonValue::Kind::kArray) {
        counting_ = true;
        current_->feature_count = 0;
      }
      ++depth_;
      return true;
    }
    JsonValue made;
    made.kind = kind;
    const bool is_root_object = depth_ == 0 && kind == JsonValue::Kind::kObject;
    if (!is_root_object) made.text.push_back(bracket);
    if (!Keep(std::move(made))) return false;
    if (!is_root_object) {
      current_ = depth_ == 0 ? &document_.root : &document_.members[kept_].second;
      value_depth_ = depth_ + 1;
    }
    ++depth_;
    return true;
  }

  bool Close(char bracket) {
    --depth_;
    if (!IsNested()) return true;
    current_->text.push_back(bracket);
    if (counting_ && depth_ == value_depth_) counting_ = false;
    if (depth_ < value_depth_) {
      current_ = nullptr;
      is_features_key_ = false;
    }
    return true;
  }

  std::string_view text_;
  JsonDocument document_;
  JsonError error_;
  std::string member_;                              // key of the member that comes next
  size_t kept_ = 0;                                 // index of the member kept last
  std::unordered_map<std::string, size_t> places_;  // of the first members, by their keys
  JsonValue* current_ = nullptr;                    // the composite value that is being appended to
  int depth_ = 0;                                   // brackets open
  int value_depth_ = 0;           // depth inside the outermost bracket of current_
  bool is_features_key_ = false;  // the value that comes next at value_depth_ is `features`
  bool counting_ = false;         // inside the list under `features`
};

}  // namespace

JsonValue* JsonDocument::Find(std::string_view key) {
  for (auto& [name, value] : members) {
    if (name == key) return &value;
  }
  return nullptr;
}

std::variant<JsonDocument, JsonError> ParseJson(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  Reader reader(text);
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &reader) || !reader.Finish()) {
    return reader.TakeError();
  }
  return reader.TakeDocument();
}

std::string CompactJson(const JsonValue& value) {
  switch (value.kind) {
    case JsonValue::Kind::kNull:
      return "null";
    case JsonValue::Kind::kBoolean:
      return value.boolean ? "true" : "false";
    case JsonValue::Kind::kString: {
      std::string out;
      AppendJsonString(value.text, &out);
      return out;
    }
    default:
      return value.text;
  }
}

std::string CompactJson(const JsonDocument& document) {
  if (document.root.kind != JsonValue::Kind::kObject) return CompactJson(document.root);
  std::string out = "{";
  for (const auto& [name, value] : document.members) {
    if (out.size() > 1) out.push_back(',');
    AppendJsonString(name, &out);
    out.push_back(':');
    out.append(CompactJson(value));
  }
  out.push_back('}');
  return out;
}

}  // namespace gischat::edge::codec
