#include "services/presence/calls.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/random_id.h"
#include "common/trace/trace.h"
#include "services/presence/gather.h"

namespace gischat::presence {
namespace {

// Sums of this many leases stay exact in Redis' scripts, which count in doubles.
constexpr uint64_t kMaxConnections = 1'000'000'000;

// The fields that must not be empty.
struct Required {
  std::string_view name;
  std::string_view value;
};
absl::Status CheckPresent(std::initializer_list<Required> fields) {
  for (const Required& field : fields) {
    if (field.value.empty()) {
      return absl::InvalidArgumentError(std::string(field.name) + " must not be empty");
    }
  }
  return absl::OkStatus();
}

absl::Status Check(const v1::ReportRequest& request) {
  absl::Status status = CheckPresent({{"lease", request.lease()}});
  if (request.sequence() == 0) status.Update(absl::InvalidArgumentError("sequence starts at 1"));
  for (const v1::Holding& holding : request.holdings()) {
    status.Update(CheckPresent({{"channel", holding.channel()}}));
    if (holding.connections() > kMaxConnections) {
      status.Update(absl::InvalidArgumentError(
          absl::StrCat("connections: at most ", kMaxConnections, ", got ", holding.connections())));
    }
  }
  return status;
}

absl::Status CheckChannels(const google::protobuf::RepeatedPtrField<std::string>& channels) {
  for (const std::string& channel : channels) {
    if (absl::Status status = CheckPresent({{"channel", channel}}); !status.ok()) return status;
  }
  return absl::OkStatus();
}

v1::RegisterResponse::Outcome ToProto(ClaimOutcome outcome) {
  switch (outcome) {
    case ClaimOutcome::kRegistered:
      return v1::RegisterResponse::REGISTERED;
    case ClaimOutcome::kTaken:
      return v1::RegisterResponse::TAKEN;
    case ClaimOutcome::kLeaseUnknown:
      return v1::RegisterResponse::LEASE_UNKNOWN;
  }
  return v1::RegisterResponse::OUTCOME_UNSPECIFIED;
}

std::string_view Label(const absl::StatusOr<ClaimOutcome>& outcome) {
  if (!outcome.ok()) return "failed";
  switch (*outcome) {
    case ClaimOutcome::kRegistered:
      return "registered";
    case ClaimOutcome::kTaken:
      return "taken";
    case ClaimOutcome::kLeaseUnknown:
      return "lease_unknown";
  }
  return "failed";
}

void Fill(const std::string& channel, bool known, Count count, v1::ChannelCount* entry) {
  entry->set_channel(channel);
  entry->set_connections(count.connections);
  entry->set_revision(count.revision);
  entry->set_known(known);
}

}  // namespace

Calls::Calls(PresenceStore& store, Census& census, EventWriter events,
             std::shared_ptr<CountAnnouncer> announcer, std::shared_ptr<Sweeper> sweeper,
             const Settings& settings)
    : store_(store),
      census_(census),
      events_(events),
      announcer_(std::move(announcer)),
      sweeper_(std::move(sweeper)),
      settings_(settings) {}

void Calls::Attach(const v1::AttachRequest& request, base::Callback<v1::AttachResponse> done) {
  v1::AttachResponse response;
  response.set_lease(base::RandomUuid());
  response.set_renew_every_ms(
      static_cast<uint32_t>(absl::ToInt64Milliseconds(settings_.renew_every)));
  response.set_time_to_live_ms(
      static_cast<uint32_t>(absl::ToInt64Milliseconds(settings_.time_to_live)));
  spdlog::info("presence: edge {} attached with lease {}", request.edge(), response.lease());
  std::move(done)(std::move(response));
}

void Calls::Report(const v1::ReportRequest& request, base::Callback<v1::ReportResponse> done) {
  if (absl::Status status = Check(request); !status.ok()) return std::move(done)(status);
  census_.SawReport(request.lease());

  // Copied first: the answer ends the request.
  std::vector<std::string> channels;
  std::vector<HoldingReport> reports;
  for (const v1::Holding& holding : request.holdings()) {
    channels.push_back(holding.channel());
    reports.push_back({.channel = holding.channel(),
                       .lease = request.lease(),
                       .sequence = request.sequence(),
                       .connections = holding.connections(),
                       .announce = request.announce()});
  }
  auto gather = Gather<ReportOutcome>::Make(
      channels.size(), [channels, done = std::move(done)](
                           absl::StatusOr<std::vector<ReportOutcome>> outcomes) mutable {
        if (!outcomes.ok()) return std::move(done)(outcomes.status());
        v1::ReportResponse response;
        for (size_t i = 0; i < channels.size(); ++i) {
          Fill(channels[i], (*outcomes)[i].known, (*outcomes)[i].count, response.add_counts());
        }
        std::move(done)(std::move(response));
      });
  for (size_t i = 0; i < reports.size(); ++i) {
    ReportOne(std::move(reports[i]), gather->Slot(i));
  }
}

void Calls::ReportOne(HoldingReport report, base::Callback<ReportOutcome> done) {
  std::string channel = report.channel;
  store_.Report(std::move(report), [this, channel = std::move(channel), done = std::move(done)](
                                       absl::StatusOr<ReportOutcome> outcome) mutable {
    const absl::StatusOr<ReportOutcome> seen = outcome;
    // The last answer ends the call, and with it perhaps us: what follows keeps its own parts
    // alive.
    auto announcer = announcer_;
    if (seen.ok() && seen->known) {
      sweeper_->Hear(channel);
      census_.SawConnections(channel, seen->count.connections);
    }
    std::move(done)(std::move(outcome));
    if (seen.ok() && seen->known) announcer->Notice(channel, seen->count);
  });
}

void Calls::Detach(const v1::DetachRequest& request, base::Callback<v1::DetachResponse> done) {
  absl::Status status = CheckPresent({{"lease", request.lease()}});
  status.Update(CheckChannels(request.channels()));
  if (!status.ok()) return std::move(done)(status);
  spdlog::info("presence: lease {} detached", request.lease());
  census_.SawDetach(request.lease());

  const std::vector<std::string> channels(request.channels().begin(), request.channels().end());
  auto gather = Gather<bool>::Make(
      channels.size(), [done = std::move(done)](absl::StatusOr<std::vector<bool>> ended) mutable {
        if (!ended.ok()) return std::move(done)(ended.status());
        std::move(done)(v1::DetachResponse());
      });
  // The last answer ends the request, whose lease is not needed any more then.
  for (size_t i = 0; i < channels.size(); ++i) {
    DetachOne(channels[i], request.lease(), gather->Slot(i));
  }
}

void Calls::DetachOne(const std::string& channel, const std::string& lease,
                      base::Callback<bool> done) {
  store_.FindHolding(channel, lease,
                     [sweeper = sweeper_, channel,
                      done = std::move(done)](absl::StatusOr<Holding> holding) mutable {
                       if (!holding.ok()) return std::move(done)(holding.status());
                       sweeper->Evict(channel, {*std::move(holding)}, /*only_if_expired=*/false,
                                      [done = std::move(done)](const absl::Status& status) mutable {
                                        if (!status.ok()) return std::move(done)(status);
                                        std::move(done)(true);
                                      });
                     });
}

void Calls::Register(const v1::RegisterRequest& request,
                     base::Callback<v1::RegisterResponse> done) {
  if (absl::Status status = CheckPresent({{"lease", request.lease()},
                                          {"channel", request.channel()},
                                          {"request_id", request.request_id()},
                                          {"nickname", request.nickname()}});
      !status.ok()) {
    return std::move(done)(status);
  }
  Claim claim{.channel = request.channel(),
              .lease = request.lease(),
              .connection = request.connection(),
              .request_id = request.request_id(),
              .nickname = request.nickname(),
              .previous_nickname = request.previous_nickname(),
              .newcomer_event = events_.Newcomer(request.nickname(),
                                                 request.has_trace() ? &request.trace() : nullptr),
              .exiter_event = {}};
  if (!claim.previous_nickname.empty()) {
    claim.exiter_event = events_.Exiter(claim.previous_nickname);
  }
  const bool traced = request.has_trace() && trace::IsLogged();
  auto noted = traced ? std::make_unique<trace::Trace>(request.trace()) : nullptr;
  store_.Register(std::move(claim),
                  [&census = census_, noted = std::move(noted),
                   done = std::move(done)](absl::StatusOr<ClaimOutcome> outcome) mutable {
                    census.SawClaim(Label(outcome));
                    if (noted != nullptr)
                      trace::LogStep(*noted, "registered", {{"outcome", Label(outcome)}});
                    if (!outcome.ok()) return std::move(done)(outcome.status());
                    v1::RegisterResponse response;
                    response.set_outcome(ToProto(*outcome));
                    std::move(done)(std::move(response));
                  });
}

void Calls::Unregister(const v1::UnregisterRequest& request,
                       base::Callback<v1::UnregisterResponse> done) {
  if (absl::Status status = CheckPresent({{"lease", request.lease()},
                                          {"channel", request.channel()},
                                          {"nickname", request.nickname()}});
      !status.ok()) {
    return std::move(done)(status);
  }
  store_.Unregister({.channel = request.channel(),
                     .lease = request.lease(),
                     .connection = request.connection(),
                     .nickname = request.nickname(),
                     .request_id = request.request_id(),
                     .exiter_event = events_.Exiter(request.nickname())},
                    [done = std::move(done)](absl::StatusOr<bool> released) mutable {
                      if (!released.ok()) return std::move(done)(released.status());
                      v1::UnregisterResponse response;
                      response.set_released(*released);
                      std::move(done)(std::move(response));
                    });
}

void Calls::ListUsers(const v1::ListUsersRequest& request,
                      base::Callback<v1::ListUsersResponse> done) {
  if (absl::Status status = CheckPresent({{"channel", request.channel()}}); !status.ok()) {
    return std::move(done)(status);
  }
  store_.ListUsers(request.channel(), [done = std::move(done)](
                                          absl::StatusOr<std::vector<std::string>> users) mutable {
    if (!users.ok()) return std::move(done)(users.status());
    SortForDisplay(*users);
    v1::ListUsersResponse response;
    for (std::string& nickname : *users) response.add_nicknames(std::move(nickname));
    std::move(done)(std::move(response));
  });
}

void Calls::CountConnections(const v1::CountConnectionsRequest& request,
                             base::Callback<v1::CountConnectionsResponse> done) {
  if (absl::Status status = CheckChannels(request.channels()); !status.ok()) {
    return std::move(done)(status);
  }
  std::vector<std::string> channels(request.channels().begin(), request.channels().end());
  auto gather = Gather<Count>::Make(
      channels.size(),
      [channels, done = std::move(done)](absl::StatusOr<std::vector<Count>> counts) mutable {
        if (!counts.ok()) return std::move(done)(counts.status());
        v1::CountConnectionsResponse response;
        for (size_t i = 0; i < channels.size(); ++i) {
          Fill(channels[i], /*known=*/true, (*counts)[i], response.add_counts());
        }
        std::move(done)(std::move(response));
      });
  for (size_t i = 0; i < channels.size(); ++i) {
    store_.CountConnections(channels[i], gather->Slot(i));
  }
}

void SortForDisplay(std::vector<std::string>& nicknames) {
  std::vector<std::pair<std::string, std::string>> keyed;
  keyed.reserve(nicknames.size());
  for (std::string& nickname : nicknames) {
    std::string key = absl::AsciiStrToLower(nickname);
    keyed.emplace_back(std::move(key), std::move(nickname));
  }
  std::stable_sort(keyed.begin(), keyed.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::transform(keyed.begin(), keyed.end(), nicknames.begin(),
                 [](auto& entry) { return std::move(entry.second); });
}

}  // namespace gischat::presence
