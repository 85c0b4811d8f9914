#include "common/config/content_limits.h"

namespace gischat::config {
namespace {

// The longest value that still fits a message of the rpc layer together with its envelope.
constexpr int64_t kLargestLength = 100'000'000;

}  // namespace

void ContentLimits::Declare(Table& table) {
  table
      .Number("MIN_AUTHOR_LENGTH", &min_author_length, {.min = 1, .max = 255, .unit = "characters"},
              "Length that a nickname has at least.")
      .Number("MAX_AUTHOR_LENGTH", &max_author_length, {.min = 1, .max = 255, .unit = "characters"},
              "Length that a nickname has at most.")
      .Number("MAX_MESSAGE_LENGTH", &max_message_length,
              {.min = 1, .max = 1'000'000, .unit = "characters"},
              "Length that a text message has at most.")
      .Number("MAX_IMAGE_SIZE", &max_image_size, {.min = 1, .max = 4096, .unit = "pixels"},
              "Width and height into which images are fitted.")
      .Number("MAX_GEOJSON_FEATURES", &max_geojson_features,
              {.min = 0, .max = 1'000'000, .unit = "features"},
              "Features that a shared layer has at most.")
      .Number("MAX_IMAGE_RAW_LENGTH", &max_image_raw_length,
              {.min = 1, .max = kLargestLength, .unit = "characters"},
              "Length of the base64 text of an image at most.")
      .Number("MAX_IMAGE_PIXELS", &max_image_pixels,
              {.min = 1, .max = 250'000'000, .unit = "pixels"},
              "Width times height that an image has at most; decoding takes up to 20 bytes each.")
      .Number("MAX_MODEL_RAW_LENGTH", &max_model_raw_length,
              {.min = 1, .max = kLargestLength, .unit = "characters"},
              "Length of a processing model at most.")
      .Number("MAX_SCRIPT_RAW_LENGTH", &max_script_raw_length,
              {.min = 1, .max = kLargestLength, .unit = "characters"},
              "Length of a processing script at most.")
      // The memory for MAX_IMAGE_PIXELS is set apart when moderation starts.
      .Changeable({"MIN_AUTHOR_LENGTH", "MAX_AUTHOR_LENGTH", "MAX_MESSAGE_LENGTH", "MAX_IMAGE_SIZE",
                   "MAX_GEOJSON_FEATURES", "MAX_IMAGE_RAW_LENGTH", "MAX_MODEL_RAW_LENGTH",
                   "MAX_SCRIPT_RAW_LENGTH"});
}

}  // namespace gischat::config
