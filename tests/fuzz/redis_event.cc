// Events as they travel through Redis.

#include "common/bus/redis_event.h"

#include "tests/fuzz/fuzzing.h"

namespace gischat::fuzz {
namespace {

std::string Pack(const bus::Event& event) {
  return "g1 " + std::to_string(event.position.epoch) + " " +
         std::to_string(event.position.offset) + (event.stored ? " 1 " : " 0 ") +
         std::to_string(event.sequence) + " " + std::to_string(event.publisher.size()) + ":" +
         event.publisher + event.payload;
}

}  // namespace
void TakeInput(std::string_view packed) {
  const auto event = bus::ParseRedisEvent(packed);
  if (!event) return;
  Require(event->position.epoch != 0 && event->position.offset != 0, "positions begin at 1");
  Require(packed.ends_with(event->publisher + event->payload), "no byte is added or lost");
  const auto again = bus::ParseRedisEvent(Pack(*event));
  Require(again && again->position == event->position && again->stored == event->stored &&
              again->sequence == event->sequence && again->publisher == event->publisher &&
              again->payload == event->payload,
          "an event that is packed again is the same");
}

}  // namespace gischat::fuzz
