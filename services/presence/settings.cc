#include "services/presence/settings.h"

namespace gischat::presence {

void Settings::Declare(config::Table& table) {
  table.Duration(
      "GISCHAT_COUNT_INTERVAL_MS", &count_interval, absl::Milliseconds(1),
      {.min = 0, .max = 60'000, .unit = "ms"},
      "A channel hears its number of connections at most once in so long; with more than a "
      "thousand, once in 0.1 ms for each of them (2 s at most).");
}

}  // namespace gischat::presence
