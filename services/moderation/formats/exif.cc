#include "services/moderation/formats/exif.h"

#include "services/moderation/formats/reader.h"

namespace gischat::moderation::formats {

int ReadOrientation(std::string_view exif) {
  constexpr uint16_t kOrientation = 274;
  constexpr uint16_t kShort = 3;
  const bool big_endian = exif.substr(0, 2) == "MM";
  if (!big_endian && exif.substr(0, 2) != "II") return 1;
  Reader reader(exif, big_endian ? Reader::Order::kBig : Reader::Order::kLittle);
  reader.Skip(4);
  reader.MoveTo(reader.Number32());
  const uint16_t entries = reader.Number16();
  for (uint16_t i = 0; i < entries && !reader.failed(); ++i) {
    const uint16_t tag = reader.Number16();
    const uint16_t type = reader.Number16();
    reader.Skip(4);  // count
    const uint16_t value = reader.Number16();
    reader.Skip(2);
    if (tag == kOrientation) return type == kShort && value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

}  // namespace gischat::moderation::formats
