#include "tests/bench/load/stamp.h"

#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"

namespace gischat::bench {
namespace {

constexpr size_t kSearched = 512;

// Takes digits and the ':' behind them off `text`. False: there are none, or too large a number.
template <typename Number>
bool TakeNumber(std::string_view& text, Number& number) {
  constexpr auto kMost = static_cast<uint64_t>(std::numeric_limits<Number>::max());
  uint64_t value = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ':' && i > 0) {
      text.remove_prefix(i + 1);
      number = static_cast<Number>(value);
      return true;
    }
    if (text[i] < '0' || text[i] > '9') return false;
    const auto digit = static_cast<uint64_t>(text[i] - '0');
    if (value > (kMost - digit) / 10) return false;
    value = value * 10 + digit;
  }
  return false;
}

}  // namespace

StampCodec::StampCodec(std::string_view run) : mark_(absl::StrCat("\"@", std::string(run), ":")) {}

std::string StampCodec::Write(const Stamp& stamp) const {
  return absl::StrCat(mark_.substr(1), stamp.sender, ":", stamp.sequence, ":", stamp.due_ns, ":");
}

std::optional<Stamp> StampCodec::Find(std::string_view message) {
  const bool as_usual = message.size() >= usual_place_ + mark_.size() &&
                        message.compare(usual_place_, mark_.size(), mark_) == 0;
  if (!as_usual) {
    const size_t at = message.substr(0, kSearched).find(mark_);
    if (at == std::string_view::npos) return std::nullopt;
    usual_place_ = at;
  }
  std::string_view rest = message.substr(usual_place_ + mark_.size());
  Stamp stamp;
  if (!TakeNumber(rest, stamp.sender) || !TakeNumber(rest, stamp.sequence) ||
      !TakeNumber(rest, stamp.due_ns)) {
    return std::nullopt;
  }
  return stamp;
}

}  // namespace gischat::bench
