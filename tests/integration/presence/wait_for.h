#pragma once

#include <future>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "common/base/callback.h"

namespace gischat::presence {

// Starts an operation and waits for its outcome. kDeadlineExceeded when it takes longer than 10 s.
//
//   absl::StatusOr<Count> count = WaitFor<Count>(
//       [&](auto done) { store.CountConnections("QGIS", std::move(done)); });
template <typename T, typename Start>
absl::StatusOr<T> WaitFor(Start start) {
  auto outcome = std::make_shared<std::promise<absl::StatusOr<T>>>();
  auto future = outcome->get_future();
  start(base::Callback<T>(
      [outcome](absl::StatusOr<T> result) { outcome->set_value(std::move(result)); }));
  if (future.wait_for(std::chrono::seconds(10)) != std::future_status::ready) {
    return absl::DeadlineExceededError("no outcome");
  }
  return future.get();
}

}  // namespace gischat::presence
