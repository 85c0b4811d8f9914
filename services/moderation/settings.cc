#include "services/moderation/settings.h"

namespace gischat::moderation {

void Settings::Declare(config::Table& table) {
  limits.Declare(table);
  table
      .List("CHEATCODES", &cheatcodes,
            "Texts that are shown but not stored, each in its exact spelling.")
      .Number("GISCHAT_IMAGE_WORKERS", &image_workers, {.min = 1, .max = 256, .unit = "threads"},
              "Threads that decode images, each with up to 20 bytes of memory per pixel of "
              "MAX_IMAGE_PIXELS. The default leaves one core to everything else.")
      .Number("GISCHAT_IMAGE_QUEUE", &image_queue, {.min = 1, .max = 10'000, .unit = "images"},
              "Images that wait for a worker at most; further ones are refused.")
      .Number("GISCHAT_IMAGE_CACHE_BYTES", &image_cache_bytes, {.unit = "bytes"},
              "What is kept of images that were made to fit, so that the same image is not worked "
              "on again. 0: each is worked on by itself.")
      .Changeable({"CHEATCODES"});
}

}  // namespace gischat::moderation
