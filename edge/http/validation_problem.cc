#include "edge/http/validation_problem.h"

#include <algorithm>
#include <iterator>

#include "common/base/utf8.h"
#include "edge/codec/json_writer.h"
#include "edge/codec/message_decoder.h"

namespace gischat::edge::http {
namespace {

using codec::JsonObjectWriter;
using codec::Violation;

constexpr size_t kInputCodePoints = 200;
constexpr std::string_view kNicknamePattern = "^[a-z-A-Z-0-9-_]+$";

// One entry of the list, in pydantic's words.
struct Fault {
  std::string type = {};
  std::string loc = {};  // what follows "body" in the location, as JSON; empty: nothing
  std::string msg = {};
  std::string input = {};  // JSON
  std::string ctx = {};    // JSON; empty: none
};

std::string Quoted(std::string_view text) {
  std::string json;
  codec::AppendJsonString(text, &json);
  return json;
}

// JSON of what was sent, cut: a long string stays a string, anything else becomes one.
std::string CutInput(const codec::JsonValue& value) {
  if (value.kind == codec::JsonValue::Kind::kString) {
    return Quoted(base::FirstCodePoints(value.text, kInputCodePoints));
  }
  const std::string json = codec::CompactJson(value);
  const std::string_view head = base::FirstCodePoints(json, kInputCodePoints);
  return head.size() == json.size() ? json : Quoted(head);
}

std::string CutInput(const codec::JsonDocument& document) {
  const std::string json = codec::CompactJson(document);
  const std::string_view head = base::FirstCodePoints(json, kInputCodePoints);
  return head.size() == json.size() ? json : Quoted(head);
}

void AppendFault(const Fault& fault, std::string* out) {
  const std::string loc = fault.loc.empty() ? "[\"body\"]" : "[\"body\"," + fault.loc + "]";
  JsonObjectWriter json(out);
  json.String("type", fault.type).Raw("loc", loc).String("msg", fault.msg);
  json.Raw("input", fault.input);
  if (!fault.ctx.empty()) json.Raw("ctx", fault.ctx);
  json.End();
}

Response Problem(const std::vector<Fault>& faults) {
  std::string body = "{\"detail\":[";
  for (const Fault& fault : faults) {
    if (body.back() == '}') body.push_back(',');
    AppendFault(fault, &body);
  }
  body.append("]}");
  return JsonResponse(422, std::move(body));
}

std::string LimitContext(std::string_view key, int64_t limit) {
  std::string ctx;
  JsonObjectWriter(&ctx).Integer(key, limit).End();
  return ctx;
}

std::string TextContext(std::string_view key, std::string_view value) {
  std::string ctx;
  JsonObjectWriter(&ctx).String(key, value).End();
  return ctx;
}

// pydantic's name and words for a fault.
Fault Describe(const Violation& violation) {
  const std::string limit = std::to_string(violation.limit());
  // pydantic speaks of one character, not of one characters.
  const std::string characters = violation.limit() == 1 ? " character" : " characters";
  switch (violation.code()) {
    case Violation::MISSING:
      return {.type = "missing", .msg = "Field required"};
    case Violation::TOO_SHORT:
      return {.type = "string_too_short",
              .msg = "String should have at least " + limit + characters,
              .ctx = LimitContext("min_length", violation.limit())};
    case Violation::TOO_LONG:
      return {.type = "string_too_long",
              .msg = "String should have at most " + limit + characters,
              .ctx = LimitContext("max_length", violation.limit())};
    case Violation::BAD_CHARACTERS:
      return {.type = "string_pattern_mismatch",
              .msg = "String should match pattern '" + std::string(kNicknamePattern) + "'",
              .ctx = TextContext("pattern", kNicknamePattern)};
    case Violation::NOT_A_STRING:
      return {.type = "string_type", .msg = "Input should be a valid string"};
    case Violation::UNKNOWN_TYPE:
      return {.type = "enum",
              .msg = "Input should be 'text'",
              .ctx = TextContext("expected", "'text'")};
    case Violation::NOT_A_UUID:
      return {.type = "uuid_parsing", .msg = "Input should be a valid UUID"};
    case Violation::WRONG_UUID_TYPE:
      return {.type = "uuid_type", .msg = "Input should be a valid UUID"};
    case Violation::FRACTIONAL_INTEGER:
      return {.type = "int_from_float", .msg = "Input should be a valid integer"};
    case Violation::UNREADABLE_INTEGER:
      return {.type = "int_parsing", .msg = "Input should be a valid integer"};
    case Violation::WRONG_INTEGER_TYPE:
      return {.type = "int_type", .msg = "Input should be a valid integer"};
    default:
      return {.type = "value_error", .msg = violation.words()};
  }
}

ptrdiff_t FieldRank(const Violation& violation) {
  const auto* found = std::find(std::begin(codec::kTextBodyFields),
                                std::end(codec::kTextBodyFields), violation.field());
  return found - std::begin(codec::kTextBodyFields);
}

}  // namespace

Response MissingBody() {
  return Problem({{.type = "missing", .msg = "Field required", .input = "null"}});
}

Response NotAnObject(std::string_view input) {
  codec::JsonValue shown;
  shown.kind = codec::JsonValue::Kind::kArray;  // JSON already
  shown.text = input;
  return Problem({{.type = "model_attributes_type",
                   .msg = "Input should be a valid dictionary or object to extract fields from",
                   .input = CutInput(shown)}});
}

Response BadJson(const codec::JsonError& error) {
  return Problem({{.type = "json_invalid",
                   .loc = std::to_string(error.offset),
                   .msg = "JSON decode error",
                   .input = "{}",
                   .ctx = TextContext("error", error.words)}});
}

Response FieldFaults(const codec::Violations& violations, codec::JsonDocument& document) {
  std::vector<const Violation*> ordered;
  for (const Violation& violation : violations) ordered.push_back(&violation);
  std::stable_sort(ordered.begin(), ordered.end(), [](const Violation* a, const Violation* b) {
    return FieldRank(*a) < FieldRank(*b);
  });
  std::vector<Fault> faults;
  for (const Violation* violation : ordered) {
    Fault fault = Describe(*violation);
    fault.loc = Quoted(violation->field());
    const codec::JsonValue* sent = document.Find(violation->field());
    fault.input = sent == nullptr ? CutInput(document) : CutInput(*sent);
    faults.push_back(std::move(fault));
  }
  return Problem(faults);
}

}  // namespace gischat::edge::http
