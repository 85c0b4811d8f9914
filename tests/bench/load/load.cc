#include "tests/bench/load/load.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/random_id.h"
#include "tests/bench/load/handshake.h"

namespace gischat::bench {
namespace {

std::string RandomRun() { return absl::StrCat(absl::Hex(base::RandomNumber())); }

// `type` is the first key of every message.
bool HasType(std::string_view message, std::string_view type) {
  constexpr std::string_view kKey = R"({"type":")";
  return message.size() > kKey.size() + type.size() && message.substr(0, kKey.size()) == kKey &&
         message.substr(kKey.size(), type.size()) == type &&
         message[kKey.size() + type.size()] == '"';
}

int64_t In(absl::Duration time) { return MonotonicNs() + absl::ToInt64Nanoseconds(time); }

}  // namespace

bool Result::ok() const {
  return faults.lost == 0 && faults.doubled == 0 && faults.misordered == 0 &&
         faults.other_order == 0 && closed == 0 && faults.unpublished <= refusals;
}

Load::Load(Options options)
    : options_(std::move(options)),
      stamps_(RandomRun()),
      ledger_(options_.clients, options_.senders),
      sent_(options_.senders),
      sent_at_(options_.senders),
      settled_(options_.clients) {}

absl::Status Load::Run() {
  if (absl::Status status = ConnectAll(); !status.ok()) return status;
  if (absl::Status status = AwaitCounts(); !status.ok()) return status;
  if (options_.newcomers) {
    if (absl::Status status = RegisterAll(); !status.ok()) return status;
  }

  phase_ = Phase::kWarmup;
  open_loop_since_ns_ = MonotonicNs();
  if (options_.rate == 0) {
    for (size_t sender = 0; sender < options_.senders; ++sender) {
      for (size_t i = 0; i < options_.window; ++i) Send(sender, MonotonicNs());
    }
  }
  SendFor(options_.warmup);

  if (absl::Status status = MeasureServers(&Result::Server::before); !status.ok()) return status;
  const absl::Duration cpu_before = OwnCpu();
  measuring_since_ns_ = MonotonicNs();
  phase_ = Phase::kMeasuring;
  SendFor(options_.duration);
  phase_ = Phase::kDraining;
  result_.measured = absl::Nanoseconds(MonotonicNs() - measuring_since_ns_);
  result_.driver_cpu = OwnCpu() - cpu_before;
  if (absl::Status status = MeasureServers(&Result::Server::after); !status.ok()) return status;

  Drain();
  return absl::OkStatus();
}

absl::Status Load::ConnectAll() {
  std::vector<Url> urls;
  for (const std::string& text : options_.urls) {
    absl::StatusOr<Url> url = ParseUrl(text);
    if (!url.ok()) return url.status();
    urls.push_back(*std::move(url));
  }
  const int64_t began = MonotonicNs();
  for (size_t i = 0; i < options_.clients; ++i) {
    absl::StatusOr<Upgraded> upgraded = Upgrade(urls[i % urls.size()], options_.patience);
    if (!upgraded.ok()) {
      return absl::UnavailableError(absl::StrCat("client ", i, ": ", upgraded.status().message()));
    }
    poller_.Add(upgraded->fd, i);
    connections_.push_back(std::make_unique<Connection>(
        *std::move(upgraded), [this, i](std::string_view message) { OnMessage(i, message); }));
    connections_.back()->Start();
    Poll(MonotonicNs());  // those who are connected hear of those who come
  }
  result_.connect_time = absl::Nanoseconds(MonotonicNs() - began);
  return absl::OkStatus();
}

// Everybody is told a count once connected; only then does everybody hear everything.
absl::Status Load::AwaitCounts() {
  const int64_t until = In(options_.patience);
  while (settled_count_ < options_.clients) {
    if (MonotonicNs() >= until) {
      return absl::UnavailableError(absl::StrCat("only ", settled_count_, " of ", options_.clients,
                                                 " clients were told a count"));
    }
    Poll(until);
  }
  return absl::OkStatus();
}

absl::Status Load::RegisterAll() {
  const std::string run = RandomRun();
  for (size_t i = 0; i < options_.clients; ++i) {
    connections_[i]->Send(absl::StrCat(R"({"type":"newcomer","newcomer":")", run, "-", i, "\"}"));
    Poll(MonotonicNs());
  }
  const int64_t until = In(options_.patience);
  // Each client hears its own name and all the others.
  const uint64_t expected = options_.clients * options_.clients;
  while (registered_count_ < expected) {
    if (MonotonicNs() >= until || result_.refusals > 0) {
      return absl::UnavailableError(absl::StrCat("newcomers: ", registered_count_,
                                                 " deliveries of ", expected, ", ",
                                                 result_.refusals, " refusals"));
    }
    Poll(until);
  }
  return absl::OkStatus();
}

absl::Status Load::MeasureServers(ProcStats Result::Server::*when) {
  result_.servers.resize(options_.pids.size());
  for (size_t i = 0; i < options_.pids.size(); ++i) {
    absl::StatusOr<ProcStats> stats = ReadProcStats(options_.pids[i]);
    if (!stats.ok()) return stats.status();
    result_.servers[i].pid = options_.pids[i];
    result_.servers[i].*when = *std::move(stats);
  }
  return absl::OkStatus();
}

void Load::SendFor(absl::Duration time) {
  const int64_t until = In(time);
  while (MonotonicNs() < until) {
    SendWhatIsDue();
    Poll(std::min(until, NextDue()));
  }
}

void Load::Drain() {
  const int64_t until = In(options_.patience);
  while (MonotonicNs() < until) {
    BookClosed();
    if (ledger_.Complete(sent_)) break;
    Poll(In(absl::Milliseconds(20)));
  }
  // What comes now can only be doubles: give them a moment to show up.
  const int64_t doubles_until = In(absl::Milliseconds(200));
  while (MonotonicNs() < doubles_until) Poll(doubles_until);
  BookClosed();
  result_.faults = ledger_.Settle(sent_);
  for (const auto& connection : connections_) result_.bytes_received += connection->bytes_read();
}

void Load::BookClosed() {
  result_.closed = 0;
  for (size_t i = 0; i < connections_.size(); ++i) {
    if (connections_[i]->open()) continue;
    ++result_.closed;
    ledger_.Close(i);
  }
}

void Load::Send(size_t sender, int64_t due_ns) {
  const uint32_t sequence = ++sent_[sender];
  sent_at_[sender].push_back(due_ns);
  if (phase_ == Phase::kMeasuring) ++result_.messages_sent;
  Connection& connection = *connections_[sender];
  connection.Send(
      stamps_.MakeMessage({static_cast<uint32_t>(sender), sequence}, options_.payload_bytes));
  if (connection.wants_to_write()) poller_.WatchWrites(connection.fd(), sender, true);
}

void Load::SendWhatIsDue() {
  const int64_t now = MonotonicNs();
  for (int64_t due = NextDue(); due <= now; due = NextDue()) {
    Send(open_loop_sent_ % options_.senders, due);
    ++open_loop_sent_;
  }
}

// When the next message of an open loop is to be sent; never in a closed loop.
int64_t Load::NextDue() const {
  if (options_.rate == 0) return std::numeric_limits<int64_t>::max();
  const double seconds = static_cast<double>(open_loop_sent_) / options_.rate;
  return open_loop_since_ns_ + std::llround(seconds * 1e9);
}

void Load::OnMessage(size_t receiver, std::string_view message) {
  if (const std::optional<Stamp> stamp = stamps_.Find(message)) return OnDelivery(receiver, *stamp);
  if (HasType(message, "uncompliant")) return OnRefusal(receiver);
  if (HasType(message, "newcomer")) ++registered_count_;
  if (!settled_[receiver] && HasType(message, "nb_users")) {
    settled_[receiver] = true;
    ++settled_count_;
  }
}

void Load::OnDelivery(size_t receiver, Stamp stamp) {
  if (stamp.sender >= options_.senders || stamp.sequence > sent_[stamp.sender]) return;
  ledger_.Deliver(receiver, stamp);
  const int64_t due = sent_at_[stamp.sender][stamp.sequence - 1];
  if (phase_ == Phase::kMeasuring) ++result_.deliveries;
  const bool sending = phase_ == Phase::kWarmup || phase_ == Phase::kMeasuring;
  const bool closed_loop = options_.rate == 0;
  if (phase_ >= Phase::kMeasuring && due >= measuring_since_ns_) {
    result_.latency_ns.Add(now_ns_ - due);
  }
  if (sending && closed_loop && receiver == stamp.sender) Send(receiver, MonotonicNs());
}

void Load::OnRefusal(size_t receiver) {
  ++result_.refusals;
  const bool sending = phase_ == Phase::kWarmup || phase_ == Phase::kMeasuring;
  if (sending && options_.rate == 0 && receiver < options_.senders) Send(receiver, MonotonicNs());
}

void Load::Poll(int64_t until_ns) {
  poller_.Wait(until_ns, [this](size_t index, bool readable, bool writable) {
    Connection& connection = *connections_[index];
    if (!connection.open()) return;
    const int fd = connection.fd();
    if (writable) {
      connection.Flush();
      if (!connection.wants_to_write()) poller_.WatchWrites(fd, index, false);
    }
    now_ns_ = MonotonicNs();
    if (readable && connection.open()) connection.Read();
  });
}

}  // namespace gischat::bench
