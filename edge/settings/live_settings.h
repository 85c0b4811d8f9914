#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include "edge/settings/settings.h"

namespace gischat::edge {

// The settings as they are now: replaced as a whole, never altered. Whoever takes several of them
// that belong together takes them from one pointer. Thread-safe.
class LiveSettings {
 public:
  explicit LiveSettings(Settings settings) { Replace(std::move(settings)); }

  std::shared_ptr<const Settings> Now() const {
    const std::lock_guard lock(mutex_);
    return settings_;
  }

  void Replace(Settings settings) {
    auto next = std::make_shared<const Settings>(std::move(settings));
    const std::lock_guard lock(mutex_);
    settings_.swap(next);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Settings> settings_;  // guarded by mutex_; never null
};

}  // namespace gischat::edge
