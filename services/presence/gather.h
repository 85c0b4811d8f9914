#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/callback.h"

namespace gischat::presence {

// Waits for several operations that run at once, and hands over all their results in order, or the
// first error, when the last one has answered. Thread-safe.
//
//   auto gather = Gather<Count>::Make(channels.size(), std::move(done));
//   for (size_t i = 0; i < channels.size(); ++i) {
//     store.CountConnections(channels[i], gather->Slot(i));
//   }
template <typename T>
class Gather : public std::enable_shared_from_this<Gather<T>> {
 public:
  using Done = base::Callback<std::vector<T>>;

  // With a size of 0 `done` is called at once.
  static std::shared_ptr<Gather> Make(size_t size, Done done) {
    std::shared_ptr<Gather> gather(new Gather(size, std::move(done)));
    if (size == 0) std::move(gather->done_)(std::vector<T>());
    return gather;
  }

  // Receives the result at `index`; to be called for every index.
  base::Callback<T> Slot(size_t index) {
    return [self = this->shared_from_this(), index](absl::StatusOr<T> result) {
      self->Set(index, std::move(result));
    };
  }

 private:
  Gather(size_t size, Done done) : missing_(size), results_(size), done_(std::move(done)) {}

  void Set(size_t index, absl::StatusOr<T> result) {
    {
      std::lock_guard lock(mutex_);
      if (result.ok()) {
        results_[index] = *std::move(result);
      } else {
        error_.Update(result.status());
      }
      if (--missing_ > 0) return;
    }
    if (error_.ok()) {
      std::move(done_)(std::move(results_));
    } else {
      std::move(done_)(error_);
    }
  }

  std::mutex mutex_;
  size_t missing_;
  absl::Status error_;
  std::vector<T> results_;
  Done done_;
};

}  // namespace gischat::presence
