#include "common/metrics/fixed_counters.h"

#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <utility>

#include "absl/status/status.h"

namespace gischat::metrics {

FixedCounters::FixedCounters(prometheus::Registry& registry, const std::string& name,
                             const std::string& help, std::string label,
                             const std::vector<std::string>& words,
                             std::map<std::string, std::string> others)
    : family_(prometheus::BuildCounter().Name(name).Help(help).Register(registry)),
      label_(std::move(label)),
      others_(std::move(others)) {
  for (const std::string& word : words) {
    auto labels = others_;
    labels.emplace(label_, word);
    counters_.emplace(word, &family_.Add(labels));
  }
}

void FixedCounters::Count(std::string_view word, double times) {
  const auto known = counters_.find(word);
  if (known != counters_.end()) return known->second->Increment(times);
  auto labels = others_;
  labels.emplace(label_, word);
  family_.Add(labels).Increment(times);
}

const std::vector<std::string>& StatusCodes() {
  static const auto* const words = [] {
    auto* all = new std::vector<std::string>;
    for (int code = 0; code <= static_cast<int>(absl::StatusCode::kUnauthenticated); ++code) {
      all->push_back(absl::StatusCodeToString(static_cast<absl::StatusCode>(code)));
    }
    return all;
  }();
  return *words;
}

}  // namespace gischat::metrics
