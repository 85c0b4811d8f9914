#pragma once

#include "absl/time/time.h"
#include "common/config/table.h"

namespace gischat::presence {

// How presence behaves.
struct Settings {
  absl::Duration count_interval = absl::Milliseconds(100);  // between announcements in a channel

  // Terms of a lease. An edge that dies is out within time_to_live + sweep_interval, and the
  // channel is told.
  absl::Duration renew_every = absl::Seconds(2);
  absl::Duration time_to_live = absl::Seconds(9);
  absl::Duration sweep_interval = absl::Milliseconds(500);
  // After the store or we ourselves were away nobody could renew: one round of renewals and some
  // margin pass before a lease is evicted.
  absl::Duration sweep_patience = absl::Seconds(3);

  void Declare(config::Table& table);  // GISCHAT_COUNT_INTERVAL_MS
};

}  // namespace gischat::presence
