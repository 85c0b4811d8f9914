// Numbers and ids in texts, as clients spell them.

#include "edge/codec/lax_numbers.h"

#include <bit>
#include <cmath>

#include "common/base/random_id.h"
#include "edge/codec/json_writer.h"
#include "tests/fuzz/fuzzing.h"

namespace gischat::fuzz {
namespace {

using edge::codec::ReadLaxFloat;
using edge::codec::ReadLaxInteger;

void CheckFloat(std::string_view text) {
  const auto number = ReadLaxFloat(text);
  if (!number) return;
  Require(std::isfinite(*number), "numbers are finite");
  std::string written;
  edge::codec::AppendJsonFloat(*number, &written);
  const auto again = ReadLaxFloat(written);
  Require(again && std::bit_cast<uint64_t>(*again) == std::bit_cast<uint64_t>(*number),
          "a number that is written reads back as the same");
  std::string plain;
  for (const char c : text) {
    if (c != '_') plain.push_back(c);
  }
  Require(std::bit_cast<uint64_t>(std::strtod(plain.c_str(), nullptr)) ==
              std::bit_cast<uint64_t>(*number),
          "a number is what everybody else reads");
}

void CheckInteger(std::string_view text) {
  const auto number = ReadLaxInteger(text);
  if (!number) return;
  Require(ReadLaxInteger(std::to_string(*number)) == number, "an integer is read as it is written");
  const auto real = ReadLaxFloat(text);
  Require(real && *real == static_cast<double>(*number), "an integer is a number");
}

void CheckUuid(std::string_view text) {
  const auto uuid = base::CanonicalUuid(text);
  if (!uuid) return;
  Require(uuid->size() == 36 && base::CanonicalUuid(*uuid) == uuid,
          "a canonical id stays as it is");
}

}  // namespace
void TakeInput(std::string_view input) {
  const std::string text = Expand(input, 64 << 10);
  CheckFloat(text);
  CheckInteger(text);
  CheckUuid(text);
}

}  // namespace gischat::fuzz
