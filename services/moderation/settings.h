#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/cores.h"
#include "common/config/content_limits.h"
#include "common/config/table.h"

namespace gischat::moderation {

// One core stays free for everything that is not an image.
inline uint32_t DefaultImageWorkers() {
  const uint32_t cores = base::UsableCores();
  return cores > 2 ? cores - 1 : 1;
}

// Settings of the moderation service.
struct Settings {
  config::ContentLimits limits;

  // Texts that are shown but not stored, each in its exact spelling.
  std::vector<std::string> cheatcodes = {"givemesomecheese", "lookattheflickofqgis", "iamarobot",
                                         "its10oclock",      "qgisprolicense",       "wizz",
                                         "spaceandtime"};

  uint32_t image_workers = DefaultImageWorkers();   // threads that decode images
  uint32_t image_queue = 64;                        // images that wait for one of them at most
  uint64_t image_cache_bytes = uint64_t{32} << 20;  // of outcomes that are kept; 0: none are

  void Declare(config::Table& table);
};

}  // namespace gischat::moderation
