#include "tests/bench/load/traffic.h"

#include <cmath>
#include <limits>

namespace gischat::bench {
namespace {

std::vector<size_t> ChannelsOf(const Seating& seating, const std::vector<size_t>& people) {
  std::vector<size_t> channels;
  channels.reserve(people.size());
  for (const size_t person : people) channels.push_back(seating.ChannelOf(person));
  return channels;
}

std::vector<size_t> FirstNumbers(size_t count) {
  std::vector<size_t> numbers(count);
  for (size_t i = 0; i < count; ++i) numbers[i] = i;
  return numbers;
}

}  // namespace

Traffic::Traffic(const Options& options, const Seating& seating, const MessageMaker& maker,
                 std::string_view run, const std::vector<size_t>& clients,
                 std::vector<size_t> senders, Crowd& crowd)
    : options_(options),
      maker_(maker),
      stamps_(run),
      clients_(clients),
      senders_(std::move(senders)),
      crowd_(crowd),
      ledger_(ChannelsOf(seating, clients), ChannelsOf(seating, FirstNumbers(options.senders))),
      sent_(clients.size()) {}

void Traffic::Begin(const Schedule& schedule) {
  schedule_ = schedule;
  writing_ = true;
  if (!in_closed_loop()) return;
  for (const size_t sender : senders_) {
    for (size_t i = 0; i < options_.window; ++i) Send(sender, MonotonicNs());
  }
}

void Traffic::Send(size_t member, int64_t due_ns) {
  const auto sender = static_cast<uint32_t>(clients_[member]);
  const Stamp stamp{sender, ++sent_[member], due_ns};
  if (due_ns >= schedule_.measure_ns) ++tally_.sent;
  crowd_.Say(member, maker_.Make(stamps_.Write(stamp), sender));
}

void Traffic::SendWhatIsDue() {
  for (int64_t due = NextDue(); due <= MonotonicNs(); due = NextDue()) {
    Send(senders_[open_loop_sent_ % senders_.size()], due);
    ++open_loop_sent_;
    if (due >= schedule_.measure_ns) tally_.late_ns.Add(MonotonicNs() - due);
  }
}

// Message k of a run is written by sender k modulo their number; this is the next k of ours.
int64_t Traffic::NextDue() const {
  constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
  if (!writing_ || in_closed_loop() || senders_.empty()) return kNever;
  const uint64_t round = open_loop_sent_ / senders_.size();
  const size_t sender = clients_[senders_[open_loop_sent_ % senders_.size()]];
  const auto number = static_cast<double>(round * options_.senders + sender);
  const int64_t due = schedule_.start_ns + std::llround(number / options_.rate * 1e9);
  return due < schedule_.end_ns ? due : kNever;
}

bool Traffic::Hear(size_t member, std::string_view head) {
  const std::optional<Stamp> stamp = stamps_.Find(head);
  if (!stamp) return false;
  if (stamp->sender >= options_.senders) return true;
  ledger_.Deliver(member, *stamp);
  const int64_t now = crowd_.now_ns();
  const bool is_own = clients_[member] == stamp->sender;
  if (now >= schedule_.measure_ns && now < schedule_.end_ns) ++tally_.deliveries;
  if (stamp->due_ns >= schedule_.measure_ns) {
    tally_.latency_ns.Add(now - stamp->due_ns);
    if (is_own) tally_.round_trip_ns.Add(now - stamp->due_ns);
  }
  if (is_own && writing_ && in_closed_loop()) Send(member, MonotonicNs());
  return true;
}

void Traffic::Refuse(size_t member) {
  if (writing_ && in_closed_loop() && member < clients_.size() && sent_[member] > 0) {
    Send(member, MonotonicNs());
  }
}

std::vector<std::pair<size_t, uint32_t>> Traffic::sent() const {
  std::vector<std::pair<size_t, uint32_t>> sent;
  for (const size_t member : senders_) sent.emplace_back(clients_[member], sent_[member]);
  return sent;
}

void Traffic::Settle(const std::vector<uint32_t>& sent, Tally& tally) const {
  tally.Add(tally_);
  tally.balance.Add(ledger_.Settle(sent));
}

}  // namespace gischat::bench
