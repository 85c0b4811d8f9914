#pragma once

#include <cstdint>

#include "common/config/table.h"

namespace gischat::config {

// How much of what a message may hold. Moderation enforces these limits, the edge tells clients
// about them (/rules). Lengths count code points; every limit itself is allowed.
struct ContentLimits {
  uint32_t min_author_length = 3;
  uint32_t max_author_length = 32;
  uint32_t max_message_length = 255;
  uint32_t max_image_size = 800;  // pixels, each side, of what goes out
  uint32_t max_geojson_features = 500;
  uint64_t max_image_raw_length = 5'000'000;  // of the base64 text that comes in
  uint64_t max_image_pixels = 50'000'000;     // width times height of what comes in
  uint64_t max_model_raw_length = 1'000'000;
  uint64_t max_script_raw_length = 2'000'000;

  void Declare(Table& table);
};

}  // namespace gischat::config
