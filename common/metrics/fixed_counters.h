#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace prometheus {
class Counter;
class Registry;
template <typename T>
class Family;
}  // namespace prometheus

namespace gischat::metrics {

// The counters of one metric that has a label with a fixed set of words. All are there from the
// start, with 0: increase() of Prometheus does not see the first event of a series that begins with
// it. Thread-safe, without a lock.
//
//   metrics::FixedCounters cut(registry, "gischat_edge_connections_cut_total", "Connections ...",
//                              "cause", {"slow", "stalled", "silent", "shutdown"});
//   cut.Count("slow");
class FixedCounters {
 public:
  // `others`: labels that are the same for all of them; several objects may share one name, each
  // with its own. The registry outlives it.
  FixedCounters(prometheus::Registry& registry, const std::string& name, const std::string& help,
                std::string label, const std::vector<std::string>& words,
                std::map<std::string, std::string> others = {});

  // A word that was not given is counted all the same, under itself: it must not come from outside.
  void Count(std::string_view word, double times = 1);

 private:
  prometheus::Family<prometheus::Counter>& family_;
  const std::string label_;
  const std::map<std::string, std::string> others_;
  std::map<std::string, prometheus::Counter*, std::less<>> counters_;  // never changes
};

// Every word of absl::StatusCodeToString().
const std::vector<std::string>& StatusCodes();

}  // namespace gischat::metrics
