#include "services/moderation/rules.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/utf8.h"

namespace gischat::moderation {
namespace {

using chat::v1::ChatMessage;
using v1::Violation;

constexpr uint64_t kMaxAvatarLength = 255;
constexpr uint64_t kMaxLayerNameLength = 255;
constexpr uint64_t kMaxLayerWktLength = 2000;
constexpr uint64_t kMaxLayerAuthidLength = 50;
constexpr uint64_t kMaxStyleLength = 1'000'000;
constexpr uint64_t kMaxNameLength = 128;  // of models, groups and scripts

Violation MakeViolation(Violation::Code code, std::string_view field, uint64_t limit,
                        std::string words) {
  Violation violation;
  violation.set_code(code);
  violation.set_field(field.data(), field.size());
  violation.set_limit(static_cast<int64_t>(limit));
  violation.set_words(std::move(words));
  return violation;
}

std::string Sentence(std::string_view field, const std::string& rule, const std::string& sent) {
  return absl::StrCat(std::string(field), ": ", rule, " (you sent ", sent, ")");
}

bool IsNicknameCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
}

// Collects the faults of one message, field by field, in the order of the calls.
class Findings {
 public:
  Findings(const config::ContentLimits& limits,
           const google::protobuf::RepeatedPtrField<Violation>& decoding)
      : limits_(limits), decoding_(decoding.begin(), decoding.end()) {}

  // A field that the decoder alone judges.
  void Decoded(std::string_view field) { TakeDecodingFaults(field); }

  void Nickname(std::string_view field, const std::string& name) {
    if (TakeDecodingFaults(field)) return;
    if (!HasLength(field, name, limits_.min_author_length, limits_.max_author_length)) return;
    if (std::all_of(name.begin(), name.end(), IsNicknameCharacter)) return;
    Add(Violation::BAD_CHARACTERS, field, 0,
        Sentence(field, "only letters, digits, '_' and '-'", base::Quote(name)));
  }

  void Words(std::string_view field, const std::string& text, uint64_t most) {
    if (!TakeDecodingFaults(field)) HasLength(field, text, 0, most);
  }

  void Number(std::string_view field, double number) {
    if (TakeDecodingFaults(field) || std::isfinite(number)) return;
    Add(Violation::NOT_A_NUMBER, field, 0,
        Sentence(field, "must be a finite number", absl::StrCat(number)));
  }

  void Features(uint64_t count) {
    if (TakeDecodingFaults("geojson") || count <= limits_.max_geojson_features) return;
    Add(Violation::TOO_MANY_FEATURES, "geojson", limits_.max_geojson_features,
        absl::StrCat("Too many geojson features : ", count, " vs max ",
                     limits_.max_geojson_features, " allowed"));
  }

  void ImageData(const std::string& data) {
    if (TakeDecodingFaults("image_data")) return;
    if (base::CountCodePoints(data) > limits_.max_image_raw_length) found_.push_back(BadImage());
  }

  // Everything, with the decoder's faults in fields that no kind has at the end.
  std::vector<Violation> Take() && {
    std::move(decoding_.begin(), decoding_.end(), std::back_inserter(found_));
    return std::move(found_);
  }

 private:
  void Add(Violation::Code code, std::string_view field, uint64_t limit, std::string words) {
    found_.push_back(MakeViolation(code, field, limit, std::move(words)));
  }

  bool TakeDecodingFaults(std::string_view field) {
    const auto rest =
        std::stable_partition(decoding_.begin(), decoding_.end(),
                              [&](const Violation& fault) { return fault.field() == field; });
    const bool any = rest != decoding_.begin();
    std::move(decoding_.begin(), rest, std::back_inserter(found_));
    decoding_.erase(decoding_.begin(), rest);
    return any;
  }

  bool HasLength(std::string_view field, const std::string& text, uint64_t least, uint64_t most) {
    // No text has more code points than bytes.
    if (least == 0 && text.size() <= most) return true;
    const uint64_t length = base::CountCodePoints(text);
    if (length < least) {
      Add(Violation::TOO_SHORT, field, least,
          Sentence(field, absl::StrCat("at least ", least, " characters"), absl::StrCat(length)));
    } else if (length > most) {
      Add(Violation::TOO_LONG, field, most,
          Sentence(field, absl::StrCat("at most ", most, " characters"), absl::StrCat(length)));
    }
    return length >= least && length <= most;
  }

  const config::ContentLimits& limits_;
  std::vector<Violation> decoding_;
  std::vector<Violation> found_;
};

template <typename Kind>
void JudgeSender(const Kind& kind, Findings& findings) {
  findings.Nickname("author", kind.author());
  findings.Words("avatar", kind.avatar(), kMaxAvatarLength);
}

void JudgeLayer(const chat::v1::GeoJson& layer, Findings& findings) {
  JudgeSender(layer, findings);
  findings.Words("layer_name", layer.layer_name(), kMaxLayerNameLength);
  findings.Words("crs_wkt", layer.crs_wkt(), kMaxLayerWktLength);
  findings.Words("crs_authid", layer.crs_authid(), kMaxLayerAuthidLength);
  findings.Features(layer.feature_count());
  findings.Words("style", layer.style(), kMaxStyleLength);
}

template <typename Kind>
void JudgeSystem(const Kind& kind, Findings& findings) {
  JudgeSender(kind, findings);
  findings.Decoded("crs_wkt");
  findings.Decoded("crs_authid");
}

void JudgeBbox(const chat::v1::Bbox& bbox, Findings& findings) {
  JudgeSystem(bbox, findings);
  findings.Number("xmin", bbox.xmin());
  findings.Number("xmax", bbox.xmax());
  findings.Number("ymin", bbox.ymin());
  findings.Number("ymax", bbox.ymax());
}

void JudgePosition(const chat::v1::Position& position, Findings& findings) {
  JudgeSystem(position, findings);
  findings.Number("x", position.x());
  findings.Number("y", position.y());
}

void JudgeModel(const chat::v1::Model& model, uint64_t most, Findings& findings) {
  JudgeSender(model, findings);
  findings.Words("model_name", model.model_name(), kMaxNameLength);
  findings.Words("model_group", model.model_group(), kMaxNameLength);
  findings.Words("raw_xml", model.raw_xml(), most);
}

void JudgeScript(const chat::v1::Script& script, uint64_t most, Findings& findings) {
  JudgeSender(script, findings);
  findings.Words("name", script.name(), kMaxNameLength);
  findings.Words("raw_pycode", script.raw_pycode(), most);
}

void JudgeLike(const chat::v1::Like& like, uint64_t most, Findings& findings) {
  findings.Nickname("liker_author", like.liker_author());
  findings.Nickname("liked_author", like.liked_author());
  findings.Words("message", like.message(), most);
}

}  // namespace

Rules::Rules(const config::ContentLimits& limits, const std::vector<std::string>& cheatcodes)
    : limits_(limits), cheatcodes_(cheatcodes.begin(), cheatcodes.end()) {}

std::vector<Violation> Rules::Judge(
    const ChatMessage& message,
    const google::protobuf::RepeatedPtrField<Violation>& decoding_violations) const {
  Findings findings(limits_, decoding_violations);
  for (const std::string_view field : {"type", "id", "timestamp", "in_reply_to_id"}) {
    findings.Decoded(field);
  }
  switch (message.kind_case()) {
    case ChatMessage::kText:
      JudgeSender(message.text(), findings);
      findings.Words("text", message.text().text(), limits_.max_message_length);
      break;
    case ChatMessage::kImage:
      JudgeSender(message.image(), findings);
      findings.ImageData(message.image().image_data());
      break;
    case ChatMessage::kGeojson:
      JudgeLayer(message.geojson(), findings);
      break;
    case ChatMessage::kCrs:
      JudgeSystem(message.crs(), findings);
      break;
    case ChatMessage::kBbox:
      JudgeBbox(message.bbox(), findings);
      break;
    case ChatMessage::kPosition:
      JudgePosition(message.position(), findings);
      break;
    case ChatMessage::kModel:
      JudgeModel(message.model(), limits_.max_model_raw_length, findings);
      break;
    case ChatMessage::kScript:
      JudgeScript(message.script(), limits_.max_script_raw_length, findings);
      break;
    case ChatMessage::kLike:
      JudgeLike(message.like(), limits_.max_message_length, findings);
      break;
    case ChatMessage::kNewcomer:
      findings.Nickname("newcomer", message.newcomer().newcomer());
      break;
    case ChatMessage::kExiter:
    case ChatMessage::kNbUsers:
    case ChatMessage::kUncompliant:
    case ChatMessage::KIND_NOT_SET:
      break;
  }
  return std::move(findings).Take();
}

bool Rules::BelongsInHistory(const ChatMessage& message) const {
  switch (message.kind_case()) {
    case ChatMessage::kText:
      return !cheatcodes_.contains(message.text().text());
    case ChatMessage::kImage:
    case ChatMessage::kGeojson:
    case ChatMessage::kCrs:
    case ChatMessage::kBbox:
    case ChatMessage::kPosition:
    case ChatMessage::kModel:
    case ChatMessage::kScript:
      return true;
    default:
      return false;
  }
}

Violation BadImage() {
  return MakeViolation(Violation::BAD_IMAGE, "image_data", 0, "Invalid or oversized image data.");
}

bool IsFromClients(ChatMessage::KindCase kind) {
  return kind != ChatMessage::KIND_NOT_SET && kind != ChatMessage::kExiter &&
         kind != ChatMessage::kNbUsers && kind != ChatMessage::kUncompliant;
}

std::string_view KindName(ChatMessage::KindCase kind) {
  const auto* field = ChatMessage::descriptor()->FindFieldByNumber(static_cast<int>(kind));
  if (field == nullptr) return "none";
  return field->name();
}

}  // namespace gischat::moderation
