#include "services/presence/redis_presence_store.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/bus/channel_script.h"
#include "services/presence/scripts.h"

namespace gischat::presence {
namespace {

constexpr size_t kNamesPerEviction = 500;

// How a reply becomes a result; nothing when it is not what the script returns.
template <typename T>
using Parser = std::optional<T> (*)(const redis::Reply& reply);

template <typename T>
base::Callback<redis::Reply> Parsed(std::string_view operation, Parser<T> parse,
                                    base::Callback<T> done) {
  return [operation, parse, done = std::move(done)](absl::StatusOr<redis::Reply> reply) mutable {
    if (!reply.ok()) {
      // What Redis can't do now it can do later: to our callers it is away.
      return std::move(done)(absl::IsFailedPrecondition(reply.status())
                                 ? absl::UnavailableError(reply.status().message())
                                 : reply.status());
    }
    std::optional<T> result = parse(*reply);
    if (!result) {
      return std::move(done)(
          absl::InternalError("unexpected reply of Redis to " + std::string(operation)));
    }
    std::move(done)(*std::move(result));
  };
}

bool AreIntegers(const redis::Reply& reply, size_t count) {
  if (reply.elements.size() != count) return false;
  for (const redis::Reply& element : reply.elements) {
    if (element.type != redis::Reply::Type::kInteger || element.integer < 0) return false;
  }
  return true;
}

Count CountAt(const redis::Reply& reply, size_t index) {
  return {.connections = static_cast<uint64_t>(reply.elements[index].integer),
          .revision = static_cast<uint64_t>(reply.elements[index + 1].integer)};
}

std::optional<ReportOutcome> ParseReport(const redis::Reply& reply) {
  if (!AreIntegers(reply, 3)) return std::nullopt;
  return ReportOutcome{.known = reply.elements[0].integer == 1, .count = CountAt(reply, 1)};
}

std::optional<ClaimOutcome> ParseClaim(const redis::Reply& reply) {
  if (reply.type != redis::Reply::Type::kInteger) return std::nullopt;
  switch (reply.integer) {
    case 0:
      return ClaimOutcome::kRegistered;
    case 1:
      return ClaimOutcome::kTaken;
    case 2:
      return ClaimOutcome::kLeaseUnknown;
    default:
      return std::nullopt;
  }
}

std::optional<bool> ParseBool(const redis::Reply& reply) {
  if (reply.type != redis::Reply::Type::kInteger) return std::nullopt;
  return reply.integer == 1;
}

// What one step of an eviction did to the lease.
enum class Ending { kNot, kNow, kBefore };

std::optional<Ending> ParseEnding(const redis::Reply& reply) {
  if (reply.type != redis::Reply::Type::kInteger || reply.integer < 0 || reply.integer > 2) {
    return std::nullopt;
  }
  return static_cast<Ending>(reply.integer);
}

std::optional<Count> ParseCount(const redis::Reply& reply) {
  if (!AreIntegers(reply, 2)) return std::nullopt;
  return CountAt(reply, 0);
}

std::optional<Announcement> ParseAnnouncement(const redis::Reply& reply) {
  if (!AreIntegers(reply, 2)) return std::nullopt;
  return Announcement{.published = reply.elements[0].integer == 1,
                      .retry_in = absl::Microseconds(reply.elements[1].integer)};
}

std::optional<std::vector<std::string>> ParseNames(const redis::Reply& reply) {
  if (!reply.is_array()) return std::nullopt;
  std::vector<std::string> names;
  names.reserve(reply.elements.size());
  for (const redis::Reply& element : reply.elements) names.push_back(element.text);
  return names;
}

std::optional<Holding> ParseHolding(const redis::Reply& reply) {
  std::optional<std::vector<std::string>> names = ParseNames(reply);
  if (!names || names->empty()) return std::nullopt;
  Holding holding{.lease = std::move(names->front()), .nicknames = {}};
  names->erase(names->begin());
  holding.nicknames = *std::move(names);
  return holding;
}

std::optional<std::vector<Holding>> ParseHoldings(const redis::Reply& reply) {
  if (!reply.is_array()) return std::nullopt;
  std::vector<Holding> holdings;
  for (const redis::Reply& element : reply.elements) {
    std::optional<Holding> holding = ParseHolding(element);
    if (!holding) return std::nullopt;
    holdings.push_back(*std::move(holding));
  }
  return holdings;
}

// What frees memory, or takes none to speak of, is done by a full Redis too.
constexpr std::string_view kAlsoWhenFull = "#!lua flags=allow-oom\n";

redis::Script MakeScript(std::string name, std::string_view body, std::string_view flags = "") {
  const std::string source =
      absl::StrCat("local withdrawn_seconds = ", absl::ToInt64Seconds(kWithdrawnFor), "\n",
                   std::string(kPreludeLua), "\n", std::string(body));
  return {.name = "presence." + std::move(name),
          .source = std::string(flags) + bus::ScriptThatAppends(source)};
}

struct AllScripts {
  redis::Script report = MakeScript("report", kReportLua, kAlsoWhenFull);
  redis::Script claim = MakeScript("register", kRegisterLua);
  redis::Script release = MakeScript("unregister", kUnregisterLua, kAlsoWhenFull);
  redis::Script list_users = MakeScript("list_users", kListUsersLua);
  redis::Script count_connections = MakeScript("count_connections", kCountConnectionsLua);
  redis::Script announce_count = MakeScript("announce_count", kAnnounceCountLua, kAlsoWhenFull);
  redis::Script find_expired = MakeScript("find_expired", kFindExpiredLua);
  redis::Script find_holding = MakeScript("find_holding", kFindHoldingLua);
  redis::Script evict = MakeScript("evict", kEvictLua, kAlsoWhenFull);
};

const AllScripts& Library() {
  static const AllScripts* const scripts = new AllScripts;
  return *scripts;
}

}  // namespace

RedisPresenceStore::RedisPresenceStore(redis::Client& client, std::string instance,
                                       bus::Limits limits, absl::Duration time_to_live)
    : client_(client),
      instance_(std::move(instance)),
      limits_(limits),
      time_to_live_(time_to_live) {}

std::vector<const redis::Script*> RedisPresenceStore::Scripts() {
  const AllScripts& all = Library();
  return {&all.report,
          &all.claim,
          &all.release,
          &all.list_users,
          &all.count_connections,
          &all.announce_count,
          &all.find_expired,
          &all.find_holding,
          &all.evict};
}

void RedisPresenceStore::Run(const redis::Script& script, const std::string& channel,
                             const std::vector<std::string>& more_keys,
                             std::vector<std::string> arguments,
                             base::Callback<redis::Reply> done) {
  std::vector<std::string> keys = bus::AppendKeys(instance_, channel);
  for (const char* what : {"leases", "holdings", "users", "count"}) {
    keys.push_back(bus::ChannelKey(instance_, channel, what));
  }
  keys.insert(keys.end(), more_keys.begin(), more_keys.end());
  std::vector<std::string> all =
      bus::AppendArguments(instance_, channel, client_.database(), limits_);
  all.insert(all.end(), std::make_move_iterator(arguments.begin()),
             std::make_move_iterator(arguments.end()));
  client_.Run(script, std::move(keys), std::move(all), std::move(done));
}

std::string RedisPresenceStore::WithdrawnKey(const std::string& channel,
                                             const std::string& nickname, const std::string& lease,
                                             uint64_t connection) const {
  return bus::ChannelKey(instance_, channel,
                         absl::StrCat("withdrawn:", nickname, ":", connection, ":", lease));
}

void RedisPresenceStore::Report(HoldingReport report, base::Callback<ReportOutcome> done) {
  Run(Library().report, report.channel, {},
      {std::move(report.lease), absl::StrCat(report.sequence), absl::StrCat(report.connections),
       report.announce ? "1" : "0", absl::StrCat(absl::ToInt64Milliseconds(time_to_live_))},
      Parsed("report", ParseReport, std::move(done)));
}

void RedisPresenceStore::Register(Claim claim, base::Callback<ClaimOutcome> done) {
  std::vector<std::string> withdrawn;
  for (const std::string& nickname : {claim.nickname, claim.previous_nickname}) {
    withdrawn.push_back(WithdrawnKey(claim.channel, nickname, claim.lease, claim.connection));
  }
  Run(Library().claim, claim.channel, withdrawn,
      {std::move(claim.lease), absl::StrCat(claim.connection), std::move(claim.request_id),
       std::move(claim.nickname), std::move(claim.previous_nickname),
       std::move(claim.newcomer_event), std::move(claim.exiter_event)},
      Parsed("register", ParseClaim, std::move(done)));
}

void RedisPresenceStore::Unregister(Release release, base::Callback<bool> done) {
  const std::string withdrawn =
      WithdrawnKey(release.channel, release.nickname, release.lease, release.connection);
  Run(Library().release, release.channel, {withdrawn},
      {std::move(release.lease), absl::StrCat(release.connection), std::move(release.nickname),
       std::move(release.exiter_event), std::move(release.request_id)},
      Parsed("unregister", ParseBool, std::move(done)));
}

void RedisPresenceStore::ListUsers(std::string channel,
                                   base::Callback<std::vector<std::string>> done) {
  Run(Library().list_users, channel, {}, {}, Parsed("list_users", ParseNames, std::move(done)));
}

void RedisPresenceStore::CountConnections(std::string channel, base::Callback<Count> done) {
  Run(Library().count_connections, channel, {}, {},
      Parsed("count_connections", ParseCount, std::move(done)));
}

void RedisPresenceStore::AnnounceCount(CountAnnouncement announcement,
                                       base::Callback<Announcement> done) {
  Run(Library().announce_count, announcement.channel, {},
      {absl::StrCat(announcement.count.connections), absl::StrCat(announcement.count.revision),
       std::move(announcement.event),
       absl::StrCat(absl::ToInt64Microseconds(announcement.interval))},
      Parsed("announce_count", ParseAnnouncement, std::move(done)));
}

void RedisPresenceStore::FindExpired(std::string channel,
                                     base::Callback<std::vector<Holding>> done) {
  Run(Library().find_expired, channel, {}, {},
      Parsed("find_expired", ParseHoldings, std::move(done)));
}

void RedisPresenceStore::FindHolding(std::string channel, std::string lease,
                                     base::Callback<Holding> done) {
  Run(Library().find_holding, channel, {}, {std::move(lease)},
      Parsed("find_holding", ParseHolding, std::move(done)));
}

// Some hundred nicknames at a time, for Redis does nothing else meanwhile.
void RedisPresenceStore::Evict(Eviction eviction, base::Callback<bool> done) {
  EvictFrom(0, std::make_shared<const Eviction>(std::move(eviction)), /*ended=*/false,
            std::move(done));
}

void RedisPresenceStore::EvictFrom(size_t begin, std::shared_ptr<const Eviction> eviction,
                                   bool ended, base::Callback<bool> done) {
  const size_t end = std::min(begin + kNamesPerEviction, eviction->exits.size());
  const bool last = end == eviction->exits.size();
  std::vector<std::string> arguments = {eviction->lease, eviction->only_if_expired ? "1" : "0",
                                        last ? "1" : "0"};
  arguments.reserve(arguments.size() + 2 * (end - begin));
  for (size_t i = begin; i < end; ++i) {
    arguments.push_back(eviction->exits[i].nickname);
    arguments.push_back(eviction->exits[i].exiter_event);
  }
  auto next = [this, end, last, eviction, ended,
               done = std::move(done)](absl::StatusOr<Ending> ending) mutable {
    if (!ending.ok()) return std::move(done)(ending.status());
    ended = ended || *ending == Ending::kNow;
    if (last || *ending == Ending::kNot) return std::move(done)(ended);
    EvictFrom(end, std::move(eviction), ended, std::move(done));
  };
  Run(Library().evict, eviction->channel, {}, std::move(arguments),
      Parsed<Ending>("evict", ParseEnding, std::move(next)));
}

}  // namespace gischat::presence
