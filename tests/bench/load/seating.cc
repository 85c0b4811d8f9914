#include "tests/bench/load/seating.h"

#include <arpa/inet.h>

#include <algorithm>
#include <utility>

namespace gischat::bench {
namespace {

// What the kernel would buffer for a client that does not read is no memory of the server.
constexpr int kReceiveBufferOfStalled = 16 << 10;

}  // namespace

Seating::Seating(const Options& options, std::vector<Target> targets)
    : options_(options), targets_(std::move(targets)) {
  for (const Target& target : targets_) {
    const auto known = std::find(channel_names_.begin(), channel_names_.end(), target.channel);
    channels_.push_back(static_cast<size_t>(known - channel_names_.begin()));
    if (known == channel_names_.end()) channel_names_.push_back(target.channel);
  }
}

Route Seating::RouteOf(size_t person) const {
  Route route;
  if (Stalls(person)) route.receive_buffer = kReceiveBufferOfStalled;
  if (options_.addresses > 1 && TargetOf(person).loopback) {
    const auto number = static_cast<uint32_t>(RowOf(person) % options_.addresses);
    route.source = in_addr{htonl(INADDR_LOOPBACK + number)};
  }
  return route;
}

// Spread evenly over those who don't write.
bool Seating::Stalls(size_t person) const {
  if (person < options_.senders || person >= options_.clients) return false;
  const auto up_to = [this](size_t number) {
    return static_cast<size_t>(static_cast<double>(number) * options_.stalled / 100);
  };
  const size_t listener = person - options_.senders;
  return up_to(listener + 1) > up_to(listener);
}

std::vector<size_t> Seating::PeopleOf(size_t process) const {
  std::vector<size_t> people;
  for (size_t person = 0; person < options_.people(); ++person) {
    if (ProcessOf(person) == process) people.push_back(person);
  }
  return people;
}

std::vector<size_t> Seating::SendersOf(size_t process) const {
  std::vector<size_t> senders = PeopleOf(process);
  std::erase_if(senders, [this](size_t person) { return person >= options_.senders; });
  return senders;
}

}  // namespace gischat::bench
