#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

// JSON of clients, read in one pass. What lies inside a member is not taken apart but kept as
// compact text: a message is flat but for the layer in its `geojson`, which travels as it is.
namespace gischat::edge::codec {

// Nesting deeper than this is refused; the outermost object is the first level.
inline constexpr int kMaxJsonDepth = 128;

// An outermost object with more different keys than this is refused.
inline constexpr size_t kMaxJsonMembers = 10'000;

struct JsonValue {
  enum class Kind { kNull, kBoolean, kInteger, kFloat, kString, kArray, kObject };

  Kind kind = Kind::kNull;
  bool boolean = false;
  double number = 0;  // kInteger and kFloat, rounded to a double; never infinite
  std::string text;   // kString: the string. kInteger, kFloat: as it was spelt. kArray, kObject:
                      // compact JSON: no blanks, strings unescaped, numbers as they were spelt,
                      // keys in their order
  std::optional<uint64_t> feature_count;  // kObject: length of the list under its key `features`
};

struct JsonDocument {
  JsonValue root;
  // When the root is an object, its members in order of first appearance; of duplicate keys the
  // last value counts. Then root.text is empty.
  std::vector<std::pair<std::string, JsonValue>> members;

  JsonValue* Find(std::string_view key);  // null when there is no such member; O(members)
};

struct JsonError {
  enum class Kind { kSyntax, kTooDeep, kTooManyMembers };
  Kind kind = Kind::kSyntax;
  size_t offset = 0;  // kSyntax: of the offending character, in code points from 0, as Python's
                      // json module tells it
  std::string words;  // for a person
};

// Reads one JSON text. Numbers beyond the range of doubles, NaN and infinities are errors, and so
// are ill-formed UTF-8 and lone surrogates. A byte order mark in front is skipped, as RFC 8259
// allows. Takes time linear in the size.
std::variant<JsonDocument, JsonError> ParseJson(std::string_view text);

// The value as compact JSON.
std::string CompactJson(const JsonValue& value);
std::string CompactJson(const JsonDocument& document);

}  // namespace gischat::edge::codec
