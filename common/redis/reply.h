#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gischat::redis {

// What Redis answered: a plain owned value.
struct Reply {
  enum class Type { kNil, kInteger, kString, kStatus, kError, kArray };
  Type type = Type::kNil;
  int64_t integer = 0;          // kInteger
  std::string text;             // kString, kStatus, kError
  std::vector<Reply> elements;  // kArray

  bool is_nil() const { return type == Type::kNil; }
  bool is_array() const { return type == Type::kArray; }
};

}  // namespace gischat::redis
