#include "common/bus/settings.h"

namespace gischat::bus {

void Settings::Declare(config::Table& table) {
  table.Text("INSTANCE_ID", &instance, "Keeps instances apart that share one Redis.");
  table.Number("MAX_STORED_MESSAGES", &limits.history_events, {.max = 100'000, .unit = "messages"},
               "Messages of a channel that are kept for those who come later.");
  table.Duration("GISCHAT_LOG_SECONDS", &limits.log_age, absl::Seconds(1),
                 {.min = 1, .max = 86'400, .unit = "s"},
                 "How long a channel's events are kept for resuming.");
  table.Number("GISCHAT_LOG_EVENTS", &limits.log_events,
               {.min = 1, .max = 10'000'000, .unit = "events"},
               "How many of a channel's events are kept for resuming.");
  table.Number("GISCHAT_LOG_BYTES", &limits.log_bytes,
               {.min = 1, .max = int64_t{1} << 40, .unit = "bytes"},
               "How much of a channel's events is kept for resuming.");
}

}  // namespace gischat::bus
