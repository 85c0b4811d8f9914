#include "common/bus/redis_event.h"

#include <charconv>
#include <cstdint>

namespace gischat::bus {
namespace {

// Takes a number and the character after it off the front.
bool TakeNumber(std::string_view* text, char end, uint64_t* number) {
  const char* const last = text->data() + text->size();
  const auto [after, error] = std::from_chars(text->data(), last, *number);
  if (error != std::errc() || after == last || *after != end) return false;
  text->remove_prefix(static_cast<size_t>(after - text->data()) + 1);
  return true;
}

}  // namespace

std::optional<Event> ParseRedisEvent(std::string_view packed) {
  constexpr std::string_view kVersion = "g1 ";
  if (!packed.starts_with(kVersion)) return std::nullopt;
  packed.remove_prefix(kVersion.size());
  Event event;
  uint64_t stored = 0;
  uint64_t length = 0;
  if (!TakeNumber(&packed, ' ', &event.position.epoch) ||
      !TakeNumber(&packed, ' ', &event.position.offset) || !TakeNumber(&packed, ' ', &stored) ||
      !TakeNumber(&packed, ' ', &event.sequence) || !TakeNumber(&packed, ':', &length)) {
    return std::nullopt;
  }
  if (event.position.epoch == 0 || event.position.offset == 0 || stored > 1 ||
      length > packed.size()) {
    return std::nullopt;
  }
  event.stored = stored == 1;
  event.publisher = packed.substr(0, length);
  event.payload = packed.substr(length);
  return event;
}

}  // namespace gischat::bus
