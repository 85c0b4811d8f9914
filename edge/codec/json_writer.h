#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// Compact JSON, written straight into a string.
namespace gischat::edge::codec {

// Appends `text` (well-formed UTF-8) in quotes. Only quotes, backslashes and control characters are
// escaped.
void AppendJsonString(std::string_view text, std::string* out);

// Appends a finite number as Python's repr() spells a float: the shortest digits that read back as
// the same number, always with a fraction or an exponent (1.0, 0.1, 1e+16, 1e-05).
void AppendJsonFloat(double number, std::string* out);

// Writes one flat object: members in the order of the calls. A null `const char*` can't be passed;
// absent optional strings become null.
class JsonObjectWriter {
 public:
  explicit JsonObjectWriter(std::string* out) : out_(*out) { out_.push_back('{'); }

  JsonObjectWriter& String(std::string_view key, std::string_view value);
  JsonObjectWriter& Float(std::string_view key, double value);
  JsonObjectWriter& Integer(std::string_view key, int64_t value);
  JsonObjectWriter& Null(std::string_view key);
  // `json` is inserted as it is.
  JsonObjectWriter& Raw(std::string_view key, std::string_view json);
  void End() { out_.push_back('}'); }

 private:
  void Key(std::string_view key);

  std::string& out_;
  bool first_ = true;
};

}  // namespace gischat::edge::codec
