#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tests/bench/load/connection.h"
#include "tests/bench/load/options.h"
#include "tests/bench/load/target.h"

namespace gischat::bench {

// Who sits where. People are numbered over all processes: the clients first (the senders before the
// others), then the joiners. Dealt out in turn to the URLs; whoever shares a URL is dealt out to
// the processes, and to the source addresses. Immutable, the same in every process.
class Seating {
 public:
  // `targets`: one for each URL.
  Seating(const Options& options, std::vector<Target> targets);

  const Target& TargetOf(size_t person) const { return targets_[UrlOf(person)]; }
  Route RouteOf(size_t person) const;

  // Channels are numbered from 0.
  size_t channels() const { return channel_names_.size(); }
  size_t ChannelOf(size_t person) const { return channels_[UrlOf(person)]; }

  bool Stalls(size_t person) const;

  // Those of a process, in ascending order: all of them, and those that write.
  std::vector<size_t> PeopleOf(size_t process) const;
  std::vector<size_t> SendersOf(size_t process) const;

 private:
  size_t UrlOf(size_t person) const { return person % targets_.size(); }
  size_t RowOf(size_t person) const { return person / targets_.size(); }
  size_t ProcessOf(size_t person) const { return RowOf(person) % options_.processes; }

  Options options_;
  std::vector<Target> targets_;
  std::vector<std::string> channel_names_;
  std::vector<size_t> channels_;  // by URL
};

}  // namespace gischat::bench
