#include "edge/codec/json_fault.h"

#include <vector>

namespace gischat::edge::codec {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// Walks over a text as far as it is JSON. Functions return false at a fault, where at_ is then.
class Walker {
 public:
  explicit Walker(std::string_view text) : text_(text) {}

  bool Document() {
    if (!BeginValue()) return false;
    while (!open_.empty()) {
      SkipBlanks();
      if (Take(open_.back())) {
        open_.pop_back();
        just_opened_ = false;
        continue;
      }
      if (!just_opened_ && !Take(',')) return false;
      const bool in_object = open_.back() == '}';
      if (in_object && !Name()) return false;
      if (!BeginValue()) return false;
    }
    SkipBlanks();
    return at_ == text_.size();
  }

  size_t at() const { return at_; }

 private:
  // A whole scalar, or the opening bracket of what is none.
  bool BeginValue() {
    SkipBlanks();
    just_opened_ = true;
    if (Take('{')) return Open('}');
    if (Take('[')) return Open(']');
    just_opened_ = false;
    if (Peek() == '"') return String();
    return Word("null") || Word("true") || Word("false") || Number();
  }

  bool Open(char closing) {
    open_.push_back(closing);
    return true;
  }

  bool Name() {
    SkipBlanks();
    if (Peek() != '"' || !String()) return false;
    SkipBlanks();
    return Take(':');
  }

  bool String() {
    const size_t begin = at_++;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\\' && at_ + 1 < text_.size()) {
        if (!Escape()) return false;
        continue;
      }
      if (static_cast<unsigned char>(c) < 0x20) return false;
      ++at_;
      if (c == '"') return true;
    }
    at_ = begin;
    return false;
  }

  bool Escape() {
    constexpr std::string_view kShort = "\"\\/bfnrt";
    if (kShort.find(text_[at_ + 1]) != std::string_view::npos) {
      at_ += 2;
      return true;
    }
    if (text_[at_ + 1] != 'u') return false;
    ++at_;
    for (size_t i = 1; i <= 4; ++i) {
      if (at_ + i >= text_.size() || !IsHexDigit(text_[at_ + i])) return false;
    }
    at_ += 5;
    return true;
  }

  bool Word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  bool Number() {
    const size_t begin = at_;
    Take('-');
    if (!Take('0') && !Digits()) {
      at_ = begin;
      return false;
    }
    Tail(Take('.'));
    const bool exponent = Take('e') || Take('E');
    if (exponent && !Take('+')) Take('-');
    Tail(exponent);
    return true;
  }

  // The digits behind a point or an exponent, which does not belong to the number without them.
  void Tail(bool begun) {
    if (begun && !Digits()) {
      while (!IsDigit(text_[at_ - 1])) --at_;
    }
  }

  bool Digits() {
    const size_t begin = at_;
    while (IsDigit(Peek())) ++at_;
    return at_ > begin;
  }

  void SkipBlanks() {
    while (Peek() == ' ' || Peek() == '\t' || Peek() == '\n' || Peek() == '\r') ++at_;
  }

  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  bool Take(char c) {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  const std::string_view text_;
  size_t at_ = 0;
  std::vector<char> open_;    // the closing bracket of each that is open
  bool just_opened_ = false;  // the innermost of them holds nothing yet
};

}  // namespace

std::optional<size_t> FindJsonFault(std::string_view text) {
  Walker walker(text);
  if (walker.Document()) return std::nullopt;
  return walker.at();
}

}  // namespace gischat::edge::codec
