#include "services/presence/memory_presence_store.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/bus/memory_bus.h"

namespace gischat::presence {

MemoryPresenceStore::MemoryPresenceStore(bus::MemoryBus& bus, const base::Clock& clock,
                                         absl::Duration time_to_live)
    : bus_(bus), clock_(clock), time_to_live_(time_to_live) {}

const MemoryPresenceStore::Channel& MemoryPresenceStore::At(const std::string& channel) const {
  static const Channel kNobody;
  const auto place = channels_.find(channel);
  return place == channels_.end() ? kNobody : place->second;
}

void MemoryPresenceStore::Publish(const std::string& channel, const std::string& event) {
  bus_.Append(channel, event, /*stored=*/false);
}

void MemoryPresenceStore::Tell(const char* what, const std::string& channel, const User& user,
                               const std::string& event) {
  bus_.Append(channel, event, /*stored=*/false,
              std::string(what) + ' ' + user.lease + ' ' + user.request_id);
}

void MemoryPresenceStore::Report(HoldingReport report, base::Callback<ReportOutcome> done) {
  ReportOutcome outcome;
  {
    std::lock_guard lock(mutex_);
    Channel& channel = channels_[report.channel];
    outcome.known = report.announce || channel.leases.contains(report.lease);
    if (outcome.known) {
      Lease& lease = channel.leases[report.lease];
      lease.expiry = clock_.Now() + time_to_live_;
      if (report.sequence > lease.sequence) {
        lease.sequence = report.sequence;
        lease.connections = report.connections;
      }
      Recount(channel);
      std::erase_if(channel.withdrawn,
                    [now = clock_.Now()](const auto& entry) { return entry.second.until <= now; });
    }
    outcome.count = channel.count;
  }
  std::move(done)(outcome);
}

void MemoryPresenceStore::Recount(Channel& channel) {
  uint64_t total = 0;
  for (const auto& [name, lease] : channel.leases) total += lease.connections;
  if (channel.count.revision > 0 && channel.count.connections == total) return;
  const auto now = static_cast<uint64_t>(absl::ToUnixMicros(clock_.Now()));
  channel.count = {.connections = total, .revision = std::max(channel.count.revision + 1, now)};
}

void MemoryPresenceStore::Register(Claim claim, base::Callback<ClaimOutcome> done) {
  ClaimOutcome outcome;
  {
    std::lock_guard lock(mutex_);
    outcome = TryRegister(claim);
  }
  std::move(done)(outcome);
}

ClaimOutcome MemoryPresenceStore::TryRegister(const Claim& claim) {
  Channel& channel = channels_[claim.channel];
  if (!channel.leases.contains(claim.lease)) return ClaimOutcome::kLeaseUnknown;
  const auto held = channel.users.find(claim.nickname);
  if (held != channel.users.end() && channel.leases.contains(held->second.lease)) {
    const User& holder = held->second;
    const bool repeated = holder.lease == claim.lease && holder.connection == claim.connection &&
                          holder.request_id == claim.request_id;
    return repeated ? ClaimOutcome::kRegistered : ClaimOutcome::kTaken;
  }
  if (IsWithdrawn(channel, claim)) return ClaimOutcome::kTaken;
  if (!claim.previous_nickname.empty()) {
    ReleaseName({.channel = claim.channel,
                 .lease = claim.lease,
                 .connection = claim.connection,
                 .nickname = claim.previous_nickname,
                 .exiter_event = claim.exiter_event});
  }
  const User& registered = channel.users[claim.nickname] = {.lease = claim.lease,
                                                            .connection = claim.connection,
                                                            .request_id = claim.request_id,
                                                            .order = ++channel.last_order};
  Tell("newcomer", claim.channel, registered, claim.newcomer_event);
  return ClaimOutcome::kRegistered;
}

void MemoryPresenceStore::Unregister(Release release, base::Callback<bool> done) {
  bool released;
  {
    std::lock_guard lock(mutex_);
    released = ReleaseName(release);
    if (!released) {
      channels_[release.channel].withdrawn.try_emplace(
          {release.nickname, release.lease, release.connection},
          Withdrawn{.request_id = release.request_id, .until = clock_.Now() + kWithdrawnFor});
    }
  }
  std::move(done)(released);
}

bool MemoryPresenceStore::ReleaseName(const Release& release) {
  Channel& channel = channels_[release.channel];
  const auto held = channel.users.find(release.nickname);
  if (held == channel.users.end() || held->second.lease != release.lease ||
      held->second.connection != release.connection) {
    return false;
  }
  if (!release.request_id.empty() && held->second.request_id != release.request_id) return false;
  Tell("exiter", release.channel, held->second, release.exiter_event);
  channel.withdrawn[{release.nickname, release.lease, release.connection}] = {
      .request_id = std::move(held->second.request_id), .until = clock_.Now() + kWithdrawnFor};
  channel.users.erase(held);
  return true;
}

bool MemoryPresenceStore::IsWithdrawn(const Channel& channel, const Claim& claim) const {
  const auto place = channel.withdrawn.find({claim.nickname, claim.lease, claim.connection});
  if (place == channel.withdrawn.end() || place->second.until <= clock_.Now()) return false;
  return place->second.request_id.empty() || place->second.request_id == claim.request_id;
}

std::vector<std::string> MemoryPresenceStore::InOrder(
    std::vector<std::pair<uint64_t, std::string>> names) {
  std::sort(names.begin(), names.end());
  std::vector<std::string> ordered;
  ordered.reserve(names.size());
  for (auto& [order, nickname] : names) ordered.push_back(std::move(nickname));
  return ordered;
}

void MemoryPresenceStore::ListUsers(std::string channel,
                                    base::Callback<std::vector<std::string>> done) {
  std::vector<std::pair<uint64_t, std::string>> names;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [nickname, user] : At(channel).users) {
      names.emplace_back(user.order, nickname);
    }
  }
  std::move(done)(InOrder(std::move(names)));
}

void MemoryPresenceStore::CountConnections(std::string channel, base::Callback<Count> done) {
  Count count;
  {
    std::lock_guard lock(mutex_);
    count = At(channel).count;
  }
  std::move(done)(count);
}

void MemoryPresenceStore::AnnounceCount(CountAnnouncement announcement,
                                        base::Callback<Announcement> done) {
  Announcement outcome;
  {
    std::lock_guard lock(mutex_);
    outcome = TryAnnounce(announcement);
  }
  std::move(done)(outcome);
}

Announcement MemoryPresenceStore::TryAnnounce(const CountAnnouncement& announcement) {
  Channel& channel = channels_[announcement.channel];
  if (channel.told_revision >= announcement.count.revision) return {};

  // A newer count than the one given, that whoever caused it may not live to announce. Its number
  // may be the same: clients that joined in between were told another one on their own.
  const bool outdated = channel.count.revision > announcement.count.revision;
  const absl::Time now = clock_.Now();
  absl::Duration wait;
  if (channel.told_at.has_value() && now >= *channel.told_at) {
    wait = std::max(absl::ZeroDuration(), announcement.interval - (now - *channel.told_at));
  }
  Announcement outcome;
  if (channel.told_revision > 0 || announcement.count.connections > 0) {
    if (wait > absl::ZeroDuration()) return {.published = false, .retry_in = wait};
    Publish(announcement.channel, announcement.event);
    outcome.published = true;
    wait = announcement.interval;
    channel.told_at = now;
  }
  channel.told_revision = announcement.count.revision;
  if (outdated) outcome.retry_in = std::max(wait, absl::Microseconds(1));
  return outcome;
}

void MemoryPresenceStore::FindExpired(std::string channel,
                                      base::Callback<std::vector<Holding>> done) {
  std::vector<Holding> expired;
  {
    std::lock_guard lock(mutex_);
    const Channel& state = At(channel);
    const absl::Time now = clock_.Now();
    for (const auto& [name, lease] : state.leases) {
      if (lease.expiry <= now) expired.push_back(HoldingOf(state, name));
    }
    std::set<std::string> ended;
    for (const auto& [nickname, user] : state.users) {
      if (!state.leases.contains(user.lease)) ended.insert(user.lease);
    }
    for (const std::string& lease : ended) expired.push_back(HoldingOf(state, lease));
  }
  std::move(done)(std::move(expired));
}

Holding MemoryPresenceStore::HoldingOf(const Channel& channel, const std::string& lease) {
  std::vector<std::pair<uint64_t, std::string>> names;
  for (const auto& [nickname, user] : channel.users) {
    if (user.lease == lease) names.emplace_back(user.order, nickname);
  }
  return {.lease = lease, .nicknames = InOrder(std::move(names))};
}

void MemoryPresenceStore::FindHolding(std::string channel, std::string lease,
                                      base::Callback<Holding> done) {
  Holding holding;
  {
    std::lock_guard lock(mutex_);
    holding = HoldingOf(At(channel), lease);
  }
  std::move(done)(std::move(holding));
}

void MemoryPresenceStore::Evict(Eviction eviction, base::Callback<bool> done) {
  bool evicted;
  {
    std::lock_guard lock(mutex_);
    evicted = TryEvict(eviction);
  }
  std::move(done)(evicted);
}

bool MemoryPresenceStore::TryEvict(const Eviction& eviction) {
  Channel& channel = channels_[eviction.channel];
  const auto lease = channel.leases.find(eviction.lease);
  const bool lives = lease != channel.leases.end();
  if (lives && eviction.only_if_expired && lease->second.expiry > clock_.Now()) return false;

  if (lives) {
    channel.leases.erase(lease);
    Recount(channel);
  }
  for (const Eviction::Exit& exit : eviction.exits) {
    const auto held = channel.users.find(exit.nickname);
    if (held == channel.users.end() || held->second.lease != eviction.lease) continue;
    Tell("exiter", eviction.channel, held->second, exit.exiter_event);
    channel.users.erase(held);
  }
  return lives;
}

}  // namespace gischat::presence
